/* SPDX-License-Identifier: Apache-2.0 */
/* folder.h -- a folder of a test's own, made empty and removed with all that is in it.
 *
 * Door: folder_new(), folder_remove(), folder_file().
 */
#ifndef SUPPORT_FOLDER_H
#define SUPPORT_FOLDER_H

#include <ramp/ramp.h>

/* "/tmp/ramp-test-XXXXXX"; ends the test if there is none. */
void test_folder_new(char ret_path[64]);
void test_folder_remove(const char *path);
/* Reads or writes a whole file below the folder; ends the test if that fails. Reading gives memory:
 * free(). */
unsigned char *test_file_read(const char *folder, const char *name, size_t *ret_size);
void test_file_write(const char *folder, const char *name, const void *bytes, size_t size);
bool test_file_exists(const char *folder, const char *name);
/* How many entries of the folder contain `part` in their names. */
unsigned test_folder_count(const char *folder, const char *part);

#endif
