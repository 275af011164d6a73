/* SPDX-License-Identifier: Apache-2.0 */
/* replay.c -- runs a fuzz target over stored inputs, where there is no libFuzzer.
 *
 * Door: main(FILE or FOLDER …). Before: tests/fuzz/NAME/fuzz.c defines LLVMFuzzerTestOneInput.
 * After: ctest (fuzz_replay/NAME) runs it over tests/fuzz/NAME/corpus. Not here: making inputs.
 */
#include <dirent.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned replayed;

/* Each input lies in a block of exactly its size, so that a sanitizer sees a read past its end. */
static int replay_file(const char *path, size_t size) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return 1;
    }
    uint8_t *data = malloc(size > 0 ? size : 1);
    int failed = data == NULL || fread(data, 1, size, file) != size;
    fclose(file);
    if (failed)
        fprintf(stderr, "%s: cannot be read\n", path);
    else
        LLVMFuzzerTestOneInput(data, size);
    free(data);
    replayed++;
    return failed;
}

static int replay(const char *path) {
    struct stat info;
    if (stat(path, &info) != 0) {
        perror(path);
        return 1;
    }
    if (!S_ISDIR(info.st_mode)) return replay_file(path, (size_t)info.st_size);
    DIR *folder = opendir(path);
    if (folder == NULL) {
        perror(path);
        return 1;
    }
    int failed = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char name[PATH_MAX];
        if (entry->d_name[0] == '.') continue;
        int n = snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        failed |= n < 0 || (size_t)n >= sizeof name || replay(name);
    }
    closedir(folder);
    return failed;
}

int main(int argc, char **argv) {
    int failed = argc < 2;
    for (int i = 1; i < argc; i++) failed |= replay(argv[i]);
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    printf("replayed %u inputs\n", replayed);
    if (replayed == 0) fprintf(stderr, "no input in the corpus: nothing was tested\n");
    return failed || replayed == 0;
}
