/* SPDX-License-Identifier: Apache-2.0 */
/* folder.c -- see folder.h. */
#include "unit/support/folder.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void give_up(const char *what, const char *path) {
    perror(path);
    fprintf(stderr, "the test cannot %s '%s'\n", what, path);
    exit(99);
}

void test_folder_new(char ret_path[64]) {
    snprintf(ret_path, 64, "/tmp/ramp-test-XXXXXX");
    if (!mkdtemp(ret_path)) give_up("make", ret_path);
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where) {
    (void)info, (void)kind, (void)where;
    return remove(path);
}

void test_folder_remove(const char *path) {
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static FILE *open_file(const char *folder, const char *name, const char *mode) {
    char path[1024];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, mode);
    if (!file) give_up("open", path);
    return file;
}

unsigned char *test_file_read(const char *folder, const char *name, size_t *ret_size) {
    FILE *file = open_file(folder, name, "rb");
    unsigned char *bytes;
    long size;

    fseek(file, 0, SEEK_END);
    size = ftell(file);
    rewind(file);
    bytes = malloc((size_t)size + 1);
    if (!bytes || fread(bytes, 1, (size_t)size, file) != (size_t)size) give_up("read", name);
    bytes[size] = '\0';
    fclose(file);
    *ret_size = (size_t)size;
    return bytes;
}

void test_file_write(const char *folder, const char *name, const void *bytes, size_t size) {
    FILE *file = open_file(folder, name, "wb");

    if (fwrite(bytes, 1, size, file) != size || fclose(file) != 0) give_up("write", name);
}

bool test_file_exists(const char *folder, const char *name) {
    char path[1024];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

unsigned test_folder_count(const char *folder, const char *part) {
    DIR *stream = opendir(folder);
    unsigned count = 0;

    if (!stream) give_up("list", folder);
    for (struct dirent *entry; (entry = readdir(stream)) != NULL;)
        count += entry->d_name[0] != '\0' && strcmp(entry->d_name, ".") != 0 &&
                 strcmp(entry->d_name, "..") != 0 && strstr(entry->d_name, part) != NULL;
    closedir(stream);
    return count;
}
