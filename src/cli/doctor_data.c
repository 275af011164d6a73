/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_data.c -- disk and data folder; see doctor.h.
 *
 * The folder that `ramp serve` or `ramp dev` would use here. Nothing of it is changed: the disk is tried with
 * a file of our own, which is removed.
 */
#include "cli/doctor.h"

#include "cli/cli.h"
#include "cli/term.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#define TRY_COUNT 7 /* the median of so many */

/* ---- judging ------------------------------------------------------------------------------------- */

/* Modules, their artefacts, and three databases with their logs. */
enum doctor_state doctor_judge_space(uint64_t bytes) {
    return bytes >= 1u << 30 ? DOCTOR_OK : bytes >= 64u << 20 ? DOCTOR_WARNING : DOCTOR_PROBLEM;
}

/* A frame that depends on a db write leaves after one of these. */
enum doctor_state doctor_judge_fsync(uint64_t ns) {
    return ns <= 50000000 ? DOCTOR_OK : DOCTOR_WARNING;
}

/* ---- the disk ------------------------------------------------------------------------------------ */

/* The folder, or the nearest one above it that exists. */
static void existing_folder(const char *data, char out[static FILE_PATH]) {
    char parent[FILE_PATH];

    snprintf(out, FILE_PATH, "%s", data);
    while (!file_is_folder(out) && strcmp(out, ".") != 0 && strcmp(out, "/") != 0) {
        file_parent(parent, out);
        memcpy(out, parent, FILE_PATH);
    }
}

static void check_space(struct doctor *doctor, const char *folder) {
    struct statvfs disk;
    char size[16];

    if (statvfs(folder, &disk)) {
        doctor_say(doctor, DOCTOR_PROBLEM, "disk", "name another data folder with --data", "%s: %s",
                   folder, strerror(errno));
        return;
    }
    if (disk.f_blocks == 0) return; /* /proc and its like: check_writing() says the rest */
    uint64_t free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
    enum doctor_state state = doctor_judge_space(free_bytes);
    doctor_say(doctor, state, "disk",
               state ? "make room: modules, artefacts and databases are kept there" : NULL,
               "%s free in %s", term_size(size, free_bytes), folder);
    if (disk.f_files && disk.f_favail < 1000)
        doctor_say(doctor, DOCTOR_WARNING, "inodes",
                   "delete small files, or use another file system",
                   "%llu files can still be made in %s", (unsigned long long)disk.f_favail, folder);
}

static void check_kind(struct doctor *doctor, const char *folder) {
    struct statfs disk;

    if (statfs(folder, &disk)) return;
    if (disk.f_type == TMPFS_MAGIC)
        doctor_say(doctor, DOCTOR_WARNING, "file system",
                   "use a folder on a disk for a real server",
                   "%s is in memory: what is stored there is lost when the machine stops", folder);
    else if (disk.f_type == NFS_SUPER_MAGIC || disk.f_type == SMB_SUPER_MAGIC)
        doctor_say(doctor, DOCTOR_WARNING, "file system", "use a local disk",
                   "%s is on another machine: locks and fsync of databases depend on it", folder);
}

static uint64_t now_ns(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int compare(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Appends and syncs, as a database's log does; 0 and the median, or an errno. */
static int try_disk(int fd, uint64_t *ret_ns) {
    static const char page[4096] = "ramp doctor";
    uint64_t times[TRY_COUNT];

    for (unsigned i = 0; i < TRY_COUNT; i++) {
        if (write(fd, page, sizeof(page)) != (ssize_t)sizeof(page)) return errno ? errno : ENOSPC;
        uint64_t begin = now_ns();
        if (fsync(fd)) return errno;
        times[i] = now_ns() - begin;
    }
    qsort(times, TRY_COUNT, sizeof(times[0]), compare);
    *ret_ns = times[TRY_COUNT / 2];
    return 0;
}

static void check_writing(struct doctor *doctor, const char *folder) {
    static const char next[] =
        "run as the user who owns the folder, make it writable, or name another "
        "with --data";
    char path[FILE_PATH], time[16];
    uint64_t ns = 0;

    if (!file_join(path, folder, ".ramp-doctor-XXXXXX")) return;
    int fd = mkostemp(path, O_CLOEXEC), code = fd < 0 ? errno : try_disk(fd, &ns);
    if (fd >= 0) {
        unlink(path);
        close(fd);
    }
    if (code) {
        doctor_say(doctor, DOCTOR_PROBLEM, "writing", next, "%s cannot be written: %s", folder,
                   strerror(code));
        return;
    }
    enum doctor_state state = doctor_judge_fsync(ns);
    doctor_say(doctor, state, "writing",
               state ? "a faster disk: what waits for a db write waits for that" : NULL,
               "fsync works, and takes %s (median of %d)", term_time(time, ns), TRY_COUNT);
}

/* ---- the data folder ----------------------------------------------------------------------------- */

static const char *user_name(uid_t uid, char out[static 64]) {
    const struct passwd *user = getpwuid(uid);

    if (user) snprintf(out, 64, "%s", user->pw_name);
    else snprintf(out, 64, "user %u", (unsigned)uid);
    return out;
}

static void check_owner(struct doctor *doctor) {
    struct stat info;
    char name[64], next[128];

    if (stat(doctor->data, &info)) return;
    if (info.st_uid == geteuid()) {
        doctor_say(doctor, DOCTOR_OK, "data folder", NULL, "%s is yours", doctor->data);
        return;
    }
    user_name(info.st_uid, name);
    snprintf(next, sizeof(next), "run ramp as %s, or give the folder to yourself with chown -R",
             name);
    /* Root may do anything, and then leaves files that their owner cannot write. */
    doctor_say(doctor, geteuid() == 0 ? DOCTOR_WARNING : DOCTOR_PROBLEM, "data folder", next,
               "%s belongs to %s", doctor->data, name);
}

static void check_token(struct doctor *doctor) {
    char path[FILE_PATH], next[FILE_PATH + 16];
    struct stat info;

    if (!file_join(path, doctor->data, "admin.token") || stat(path, &info)) return;
    if ((info.st_mode & 077) == 0) return;
    snprintf(next, sizeof(next), "chmod 600 %s", path);
    doctor_say(doctor, DOCTOR_WARNING, "token", next, "%s can be read by other users", path);
}

/* Whether somebody holds a flock() on the file; asked of the kernel, since trying it could be in the way of
 * a server that starts just now. */
static bool is_locked(const struct stat *info) {
    FILE *locks = fopen("/proc/locks", "re");
    char line[256], inode[32];
    bool found = false;

    snprintf(inode, sizeof(inode), ":%llu ", (unsigned long long)info->st_ino);
    while (locks && !found && fgets(line, sizeof(line), locks))
        found = strstr(line, "FLOCK") && strstr(line, inode);
    if (locks) fclose(locks);
    return found;
}

static void check_lock(struct doctor *doctor) {
    char path[FILE_PATH], pid[24] = "";
    struct bytes text;
    struct stat info;

    if (!file_join(path, doctor->data, "lock") || stat(path, &info)) return;
    if (!is_locked(&info)) {
        doctor_say(doctor, DOCTOR_OK, "lock", NULL, "no server uses %s now", doctor->data);
        return;
    }
    bytes_init(&text, sizeof(pid) - 1);
    if (!file_read(path, &text, &(ramp_error){.message = ""}) && text.data)
        snprintf(pid, sizeof(pid), "%.*s", (int)strspn(text.data, "0123456789"), text.data);
    bytes_done(&text);
    doctor_say(doctor, DOCTOR_OK, "lock", NULL, "process %s serves %s", *pid ? pid : "?",
               doctor->data);
}

void doctor_data(struct doctor *doctor) {
    char folder[FILE_PATH];

    existing_folder(doctor->data, folder);
    check_space(doctor, folder);
    check_kind(doctor, folder);
    check_writing(doctor, folder);
    if (file_is_folder(doctor->data)) {
        check_owner(doctor);
        check_token(doctor);
        check_lock(doctor);
    } else if (file_exists(doctor->data)) {
        doctor_say(doctor, DOCTOR_PROBLEM, "data folder", "name another with --data",
                   "%s is a file", doctor->data);
    } else {
        doctor_say(doctor, DOCTOR_OK, "data folder", NULL, "%s: the first start makes it",
                   doctor->data);
    }
}
