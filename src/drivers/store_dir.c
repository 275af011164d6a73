/* SPDX-License-Identifier: Apache-2.0 */
/* store_dir.c -- the module store as a folder. See store.h.
 *
 *   PATH/modules/<service>/<sha256>.wasm   every version
 *   PATH/modules/<service>/current.json    {"version", "size", "deployed_at", "config", "previous"}
 *
 * `previous` has the same of the versions that were current before, the latest first: what a rollback goes
 * back to, configuration included. A version is written before current.json names it, both by rename, so
 * that a reader, and a start after a crash at any point, finds the old current version or the new one,
 * whole.
 */
#include "drivers/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "drivers/files.h"
#include "drivers/module_id.h"

struct store {
    char *path;  /* of `modules`, for sentences */
    int modules; /* its descriptor */
    struct map entries;
};

/* What current.json said when it was read, and what tells whether it is still that file. */
struct entry {
    char service[LIMIT_SERVICE_NAME + 1];
    struct stat file;
    json_t *json;
    struct store_version version;
};

enum { PATH_TEXT = 1024 }; /* of a path in a sentence; a longer one is cut */
enum { TIME_TEXT = 32 };
enum { PREFIX_MIN = 4 }; /* hex digits that name a version */
#define CURRENT_SIZE (LIMIT_VERSIONS * (LIMIT_CONFIG_SIZE + 1024)) /* bytes of a current.json */

bool store_name_is_valid(const char *service) {
    size_t size = strspn(service, "abcdefghijklmnopqrstuvwxyz0123456789-");

    return size >= 1 && size <= LIMIT_SERVICE_NAME && service[size] == '\0' && service[0] != '-';
}

/* ---- opening --------------------------------------------------------------------------------- */

static void sweep_services(struct store *store) {
    int copy = openat(store->modules, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = copy < 0 ? NULL : fdopendir(copy);

    if (!stream) {
        if (copy >= 0) close(copy);
        return;
    }
    for (struct dirent *entry; (entry = readdir(stream)) != NULL;) {
        int folder;
        if (!store_name_is_valid(entry->d_name)) continue;
        folder =
            openat(store->modules, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (folder < 0) continue;
        folder_sweep(folder);
        close(folder);
    }
    closedir(stream);
}

ramp_status store_open(const char *url, struct store **ret_store, ramp_error *reterr) {
    const char *path = url + strlen("file:");
    ramp_status status = RAMP_NO_MEMORY;
    struct store *store = NULL;
    size_t size;

    if (strncmp(url, "file:", strlen("file:")) != 0)
        return error_set(reterr, RAMP_ARGS,
                         "the store '%s' is of a kind that this build does not have; "
                         "it has file:PATH",
                         url);
    if (strncmp(path, "///", 3) == 0) path += 2; /* file:///PATH */
    if (*path == '\0') return error_set(reterr, RAMP_ARGS, "the store '%s' names no folder", url);

    store = mem_zalloc(sizeof(*store));
    if (!store) goto fail;
    store->modules = -1;
    map_init(&store->entries, (uint64_t)time(NULL) ^ (uint64_t)(uintptr_t)store);
    size = strlen(path) + sizeof("/modules");
    store->path = mem_alloc(size);
    if (!store->path) goto fail;
    snprintf(store->path, size, "%s/modules", path);

    status = folder_make(store->path, 0700, reterr);
    if (status) goto fail;
    status = RAMP_IO;
    store->modules = folder_open(store->path, reterr);
    if (store->modules < 0) goto fail;
    if (faccessat(store->modules, ".", R_OK | W_OK | X_OK, 0) != 0) {
        error_set(reterr, status, "the store's folder '%s' cannot be written: %s", store->path,
                  strerror(errno));
        goto fail;
    }
    sweep_services(store);
    *ret_store = store;
    return RAMP_OK;

fail:
    if (status == RAMP_NO_MEMORY)
        error_set(reterr, status, "no memory to open the store '%s'", url);
    store_close(store);
    return status;
}

static void entry_free(struct entry *entry) {
    json_decref(entry->json);
    mem_free(entry);
}

static void entry_forget(struct store *store, const char *service) {
    struct entry *entry = map_remove(&store->entries, service, strlen(service));

    if (entry) entry_free(entry);
}

void store_close(struct store *store) {
    size_t index = 0;

    if (!store) return;
    for (struct map_entry *entry; (entry = map_next(&store->entries, &index)) != NULL;)
        entry_free(entry->value);
    map_done(&store->entries);
    if (store->modules >= 0) close(store->modules);
    mem_free(store->path);
    mem_free(store);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* "PATH/modules/chat/current.json" */
static const char *path_text(const struct store *store, const char *service, const char *name,
                             char text[PATH_TEXT]) {
    snprintf(text, PATH_TEXT, "%s/%s%s%s", store->path, service, *name ? "/" : "", name);
    return text;
}

static ramp_status check_name(const char *service, ramp_error *reterr) {
    if (store_name_is_valid(service)) return RAMP_OK;
    return error_set(reterr, RAMP_ARGS,
                     "'%.80s' is no name for a service: 1 to %u of a-z, 0-9 and '-', "
                     "not beginning with '-'",
                     service, LIMIT_SERVICE_NAME);
}

static ramp_status not_found(const char *service, ramp_error *reterr) {
    return error_set(reterr, RAMP_NOT_FOUND, "there is no service '%s'", service);
}

/* Opens the folder of a service. */
static ramp_status open_service(struct store *store, const char *service, int *ret_folder,
                                ramp_error *reterr) {
    char text[PATH_TEXT];
    int folder = openat(store->modules, service, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

    if (folder < 0 && errno == ENOENT) return not_found(service, reterr);
    if (folder < 0)
        return error_set(reterr, RAMP_IO, "cannot open '%s': %s",
                         path_text(store, service, "", text), strerror(errno));
    *ret_folder = folder;
    return RAMP_OK;
}

static ramp_status parse_current(struct entry *entry, ramp_bytes bytes, const char *path,
                                 ramp_error *reterr) {
    const char *version = NULL;
    json_int_t size = -1;
    json_t *config = NULL;
    json_error_t error;

    entry->json =
        json_loadb(bytes.data, bytes.size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (!entry->json)
        return error_set(reterr, RAMP_IO, "'%s' is damaged, line %d: %s", path, error.line,
                         error.text);
    if (json_unpack(entry->json, "{s:s, s:I, s?o}", "version", &version, "size", &size, "config",
                    &config) != 0 ||
        !module_id_parse(version, &entry->version.id) || size < 0 ||
        (config && !json_is_object(config)))
        return error_set(reterr, RAMP_IO, "'%s' is damaged: it names no version", path);
    entry->version.size = (size_t)size;
    entry->version.config = config;
    return RAMP_OK;
}

static ramp_status read_current(struct store *store, const char *service, struct entry **ret_entry,
                                ramp_error *reterr) {
    struct entry *entry = mem_zalloc(sizeof(*entry));
    ramp_status status = RAMP_NO_MEMORY;
    ramp_bytes bytes = {NULL, 0};
    char text[PATH_TEXT];
    int folder = -1;

    if (!entry) goto fail;
    snprintf(entry->service, sizeof(entry->service), "%s", service);
    status = open_service(store, service, &folder, reterr);
    if (status) goto fail;
    path_text(store, service, "current.json", text);
    /* The file's state before its bytes: a change in between is seen at the next call. */
    if (fstatat(folder, "current.json", &entry->file, AT_SYMLINK_NOFOLLOW) != 0 &&
        errno == ENOENT) {
        status = not_found(service, reterr);
        goto fail;
    }
    status = files_read(folder, "current.json", text, CURRENT_SIZE, &bytes, reterr);
    if (status == RAMP_TOO_BIG) status = RAMP_IO;
    if (status) goto fail;
    status = parse_current(entry, bytes, text, reterr);
    if (status) goto fail;
    status = RAMP_NO_MEMORY;
    entry_forget(store, service);
    if (!map_put(&store->entries, entry->service, strlen(entry->service), entry)) goto fail;
    mem_free((void *)(uintptr_t)bytes.data);
    close(folder);
    *ret_entry = entry;
    return RAMP_OK;

fail:
    if (status == RAMP_NO_MEMORY) error_set(reterr, status, "no memory to look up '%s'", service);
    mem_free((void *)(uintptr_t)bytes.data);
    if (folder >= 0) close(folder);
    if (entry) entry_free(entry);
    return status;
}

static bool is_same_file(const struct stat *a, const struct stat *b) {
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

ramp_status store_current(struct store *store, const char *service,
                          struct store_version *ret_version, ramp_error *reterr) {
    char name[LIMIT_SERVICE_NAME + sizeof("/current.json")];
    ramp_status status = check_name(service, reterr);
    struct entry *entry;
    struct stat file;

    if (status) return status;
    entry = map_get(&store->entries, service, strlen(service));
    snprintf(name, sizeof(name), "%s/current.json", service);
    if (!entry || fstatat(store->modules, name, &file, AT_SYMLINK_NOFOLLOW) != 0 ||
        !is_same_file(&file, &entry->file)) {
        entry_forget(store, service);
        status = read_current(store, service, &entry, reterr);
        if (status) return status;
    }
    *ret_version = entry->version;
    return RAMP_OK;
}

/* Reads a version in the service's folder, and compares its hash. */
static ramp_status read_version(struct store *store, int folder, const char *service,
                                const ramp_module_id *id, ramp_bytes *ret_wasm,
                                ramp_error *reterr) {
    char name[MODULE_ID_TEXT_SIZE + sizeof(".wasm")], text[PATH_TEXT];
    ramp_module_id found;
    ramp_status status;
    ramp_bytes wasm;

    module_id_text(id, name);
    memcpy(name + MODULE_ID_TEXT_SIZE - 1, ".wasm", sizeof(".wasm"));
    path_text(store, service, name, text);
    status = files_read(folder, name, text, LIMIT_MODULE_SIZE, &wasm, reterr);
    if (status == RAMP_NOT_FOUND)
        return error_set(reterr, RAMP_IO, "the store has lost a version of '%s': there is no '%s'",
                         service, text);
    if (status) return status;
    if (!module_id_of(wasm, &found))
        status = error_set(reterr, RAMP_NO_MEMORY, "no memory to check '%s'", text);
    else if (!module_id_equal(id, &found))
        status =
            error_set(reterr, RAMP_IO, "'%s' is damaged: its bytes have another SHA-256", text);
    if (status) {
        mem_free((void *)(uintptr_t)wasm.data);
        return status;
    }
    *ret_wasm = wasm;
    return RAMP_OK;
}

ramp_status store_read(struct store *store, const char *service, const ramp_module_id *id,
                       ramp_bytes *ret_wasm, ramp_error *reterr) {
    ramp_status status = check_name(service, reterr);
    int folder;

    if (status) return status;
    status = open_service(store, service, &folder, reterr);
    if (status) return status;
    status = read_version(store, folder, service, id, ret_wasm, reterr);
    close(folder);
    return status;
}

/* ---- writing --------------------------------------------------------------------------------- */

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static void time_text(time_t time, char text[TIME_TEXT]) {
    struct tm utc;

    gmtime_r(&time, &utc);
    strftime(text, TIME_TEXT, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

/* What `previous` will be once `id` is current: the version that is current now, then those before it,
 * without `id`, at most LIMIT_VERSIONS - 1. NULL: no memory. */
static json_t *previous_after(const json_t *now, const char *version) {
    json_t *previous = json_array(), *first, *one;
    size_t index;

    if (!now || !previous) return previous;
    first = json_deep_copy(now);
    json_object_del(first, "previous");
    if (first && strcmp(text_of(first, "version"), version) != 0)
        json_array_append(previous, first);
    json_decref(first);
    json_array_foreach(json_object_get(now, "previous"), index, one) {
        if (json_array_size(previous) >= LIMIT_VERSIONS - 1) break;
        if (json_is_object(one) && strcmp(text_of(one, "version"), version) != 0)
            json_array_append(previous, one);
    }
    return previous;
}

static ramp_status write_current(struct store *store, int folder, const char *service,
                                 const ramp_module_id *id, size_t size, const json_t *config,
                                 ramp_error *reterr) {
    const struct entry *entry = map_get(&store->entries, service, strlen(service));
    char version[MODULE_ID_TEXT_SIZE], deployed_at[TIME_TEXT], path[PATH_TEXT];
    ramp_status status;
    json_t *json, *config_json = (json_t *)(uintptr_t)config;
    char *bytes;

    if (config && json_dumpb(config, NULL, 0, JSON_COMPACT) > LIMIT_CONFIG_SIZE)
        return error_set(reterr, RAMP_TOO_BIG, "the configuration of '%s' is larger than %u bytes",
                         service, LIMIT_CONFIG_SIZE);
    module_id_text(id, version);
    time_text(time(NULL), deployed_at);
    json = json_pack("{s:s, s:I, s:s, s:O*, s:o}", "version", version, "size", (json_int_t)size,
                     "deployed_at", deployed_at, "config", config_json, "previous",
                     previous_after(entry ? entry->json : NULL, version));
    bytes = json ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    if (!bytes) return error_set(reterr, RAMP_NO_MEMORY, "no memory to deploy '%s'", service);
    status = files_write(folder, "current.json", path_text(store, service, "current.json", path),
                         (ramp_bytes){bytes, strlen(bytes)}, true, reterr);
    free(bytes);
    return status;
}

/* Writes the version if its file is not there and whole. `*ret_added`: it is new. */
static ramp_status write_version(struct store *store, int folder, const char *service,
                                 const ramp_module_id *id, ramp_bytes wasm, bool *ret_added,
                                 ramp_error *reterr) {
    char name[MODULE_ID_TEXT_SIZE + sizeof(".wasm")], path[PATH_TEXT];
    ramp_bytes found;
    struct stat file;

    if (read_version(store, folder, service, id, &found, NULL) == RAMP_OK) {
        mem_free((void *)(uintptr_t)found.data);
        return RAMP_OK;
    }
    module_id_text(id, name);
    memcpy(name + MODULE_ID_TEXT_SIZE - 1, ".wasm", sizeof(".wasm"));
    *ret_added = fstatat(folder, name, &file, AT_SYMLINK_NOFOLLOW) != 0;
    return files_write(folder, name, path_text(store, service, name, path), wasm, true, reterr);
}

static bool is_current(struct store *store, const char *service, const ramp_module_id *id,
                       const json_t *config) {
    struct store_version version;

    if (store_current(store, service, &version, NULL) != RAMP_OK) return false;
    return module_id_equal(&version.id, id) &&
           (config ? version.config && json_equal(version.config, config) : !version.config);
}

static void remove_version(int folder, const ramp_module_id *id) {
    char name[MODULE_ID_TEXT_SIZE + sizeof(".wasm")];

    module_id_text(id, name);
    memcpy(name + MODULE_ID_TEXT_SIZE - 1, ".wasm", sizeof(".wasm"));
    unlinkat(folder, name, 0);
}

static ramp_status put_in_folder(struct store *store, int folder, const char *service,
                                 const ramp_module_id *id, ramp_bytes wasm, const json_t *config,
                                 bool *ret_unchanged, ramp_error *reterr) {
    bool unchanged = is_current(store, service, id, config), added = false;
    ramp_status status = write_version(store, folder, service, id, wasm, &added, reterr);

    if (status == RAMP_OK && !unchanged) {
        status = write_current(store, folder, service, id, wasm.size, config, reterr);
        if (status && added) remove_version(folder, id);
    }
    if (status == RAMP_OK) *ret_unchanged = unchanged;
    return status;
}

ramp_status store_put(struct store *store, const char *service, const ramp_module_id *id,
                      ramp_bytes wasm, const json_t *config, bool *ret_unchanged,
                      ramp_error *reterr) {
    ramp_status status = check_name(service, reterr);
    char path[PATH_TEXT];
    bool is_new;
    int folder;

    if (status) return status;
    is_new = mkdirat(store->modules, service, 0700) == 0;
    if (!is_new && errno != EEXIST)
        return error_set(reterr, RAMP_IO, "cannot make the folder '%s': %s",
                         path_text(store, service, "", path), strerror(errno));
    status = open_service(store, service, &folder, reterr);
    if (status) return status;
    status = put_in_folder(store, folder, service, id, wasm, config, ret_unchanged, reterr);
    close(folder);
    entry_forget(store, service);
    if (is_new && status == RAMP_OK && fsync(store->modules) != 0)
        return error_set(reterr, RAMP_IO,
                         "'%s' is written, but it may be lost if the machine stops now: "
                         "%s",
                         path_text(store, service, "", path), strerror(errno));
    if (is_new && status) unlinkat(store->modules, service, AT_REMOVEDIR);
    return status;
}

/* ---- versions that are kept ------------------------------------------------------------------ */

/* "<sha256>.wasm": its id as text. */
static bool version_of_name(const char *name, char version[MODULE_ID_TEXT_SIZE]) {
    ramp_module_id id;

    if (strlen(name) != MODULE_ID_TEXT_SIZE - 1 + strlen(".wasm")) return false;
    memcpy(version, name, MODULE_ID_TEXT_SIZE - 1);
    version[MODULE_ID_TEXT_SIZE - 1] = '\0';
    return strcmp(name + MODULE_ID_TEXT_SIZE - 1, ".wasm") == 0 && module_id_parse(version, &id);
}

static bool is_listed(const json_t *list, const char *version) {
    size_t index;
    json_t *one;

    json_array_foreach((json_t *)(uintptr_t)list, index,
                       one) if (strcmp(text_of(one, "version"), version) == 0) return true;
    return false;
}

/* What current.json tells of versions whose files are there, the current one first. */
static void list_told(const struct entry *entry, int folder, json_t *list) {
    size_t index;
    json_t *one = json_deep_copy(entry->json);

    json_object_del(one, "previous");
    json_object_set_new(one, "current", json_true());
    json_array_append_new(list, one);
    json_array_foreach(json_object_get(entry->json, "previous"), index, one) {
        char name[MODULE_ID_TEXT_SIZE + sizeof(".wasm")];
        const char *version = text_of(one, "version");
        ramp_module_id id;
        if (!module_id_parse(version, &id) || is_listed(list, version)) continue;
        snprintf(name, sizeof(name), "%s.wasm", version);
        if (faccessat(folder, name, F_OK, 0) != 0) continue;
        one = json_deep_copy(one);
        json_object_set_new(one, "current", json_false());
        json_array_append_new(list, one);
    }
}

/* Where in `list`, behind the first `told`, a file of that time belongs: the latest first. */
static size_t place_of(const json_t *list, size_t told, const char *deployed_at) {
    size_t index = told;

    while (index < json_array_size(list) &&
           strcmp(text_of(json_array_get(list, index), "deployed_at"), deployed_at) >= 0)
        index++;
    return index;
}

/* Files that current.json does not tell of: of a deploy that was interrupted, or put there by hand. Takes
 * `folder`. */
static void list_others(int folder, json_t *list) {
    DIR *stream = fdopendir(folder);
    size_t told = json_array_size(list);

    if (!stream) {
        close(folder);
        return;
    }
    for (struct dirent *entry; (entry = readdir(stream)) != NULL;) {
        char version[MODULE_ID_TEXT_SIZE], deployed_at[TIME_TEXT];
        struct stat file;
        if (!version_of_name(entry->d_name, version) || is_listed(list, version) ||
            fstatat(folder, entry->d_name, &file, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        time_text(file.st_mtim.tv_sec, deployed_at);
        json_array_insert_new(list, place_of(list, told, deployed_at),
                              json_pack("{s:s, s:I, s:s, s:b}", "version", version, "size",
                                        (json_int_t)file.st_size, "deployed_at", deployed_at,
                                        "current", 0));
    }
    closedir(stream);
}

/* Objects version, size, deployed_at, current and, if they have one, config: the current one first, then
 * the one that was current before, and so on. NULL: there is no such service, or no memory. */
static json_t *list_versions(struct store *store, const char *service) {
    struct store_version current;
    json_t *list = NULL;
    int folder;

    if (store_current(store, service, &current, NULL) != RAMP_OK ||
        open_service(store, service, &folder, NULL) != RAMP_OK)
        return NULL;
    list = json_array();
    list_told(map_get(&store->entries, service, strlen(service)), folder, list);
    list_others(folder, list);
    return list;
}

/* The only one whose version begins with `prefix`; NULL: none, or `*ret_count` are several. */
static json_t *find_version(const json_t *list, const char *prefix, size_t *ret_count) {
    json_t *one, *found = NULL;
    size_t index;

    *ret_count = 0;
    json_array_foreach((json_t *)(uintptr_t)list, index, one) {
        if (strncmp(text_of(one, "version"), prefix, strlen(prefix)) != 0) continue;
        found = one;
        ++*ret_count;
    }
    return *ret_count == 1 ? found : NULL;
}

static ramp_status no_version(const char *service, const char *prefix, size_t count,
                              ramp_error *reterr) {
    if (!prefix)
        return error_set(reterr, RAMP_NOT_FOUND, "'%s' has no version from before the current one",
                         service);
    if (strlen(prefix) < PREFIX_MIN)
        return error_set(reterr, RAMP_ARGS,
                         "'%s' names no version: write at least %d digits of its id", prefix,
                         PREFIX_MIN);
    if (count)
        return error_set(reterr, RAMP_ARGS,
                         "%zu versions of '%s' begin with '%.64s'; write more of it", count,
                         service, prefix);
    return error_set(reterr, RAMP_NOT_FOUND,
                     "the store keeps no version of '%s' that begins with '%.64s'; `ramp versions "
                     "%s` lists those that it keeps",
                     service, prefix, service);
}

ramp_status store_find(struct store *store, const char *service, const char *prefix,
                       ramp_module_id *ret_id, json_t **ret_config, ramp_error *reterr) {
    struct store_version current;
    ramp_status status = store_current(store, service, &current, reterr);
    json_t *list, *found = NULL;
    size_t count = 0;

    if (status) return status;
    list = list_versions(store, service);
    if (!prefix) found = json_array_get(list, 1);
    else if (strlen(prefix) >= PREFIX_MIN) found = find_version(list, prefix, &count);
    if (found && module_id_parse(text_of(found, "version"), ret_id))
        *ret_config = json_incref(json_object_get(found, "config"));
    else status = no_version(service, prefix, count, reterr);
    json_decref(list);
    return status;
}

size_t store_prune(struct store *store, const char *service, const ramp_module_id *used,
                   size_t used_count) {
    json_t *list = store_name_is_valid(service) ? list_versions(store, service) : NULL;
    size_t removed = 0;
    int folder;

    if (!list || open_service(store, service, &folder, NULL) != RAMP_OK) {
        json_decref(list);
        return 0;
    }
    for (size_t i = LIMIT_VERSIONS; i < json_array_size(list); i++) {
        ramp_module_id id;
        bool keep = !module_id_parse(text_of(json_array_get(list, i), "version"), &id);
        for (size_t j = 0; j < used_count && !keep; j++) keep = module_id_equal(&used[j], &id);
        if (keep) continue;
        remove_version(folder, &id);
        removed++;
    }
    close(folder);
    json_decref(list);
    return removed;
}

/* ---- listing --------------------------------------------------------------------------------- */

static json_t *describe(struct store *store, const char *service, bool with_config) {
    struct store_version version;
    const struct entry *entry;
    ramp_error error;
    json_t *json;

    if (store_current(store, service, &version, &error) != RAMP_OK)
        return error.status == RAMP_NOT_FOUND
                   ? NULL
                   : json_pack("{s:s, s:s}", "service", service, "error", error.message);
    entry = map_get(&store->entries, service, strlen(service));
    json = json_pack("{s:s, s:O, s:O, s:O*}", "service", service, "version",
                     json_object_get(entry->json, "version"), "size",
                     json_object_get(entry->json, "size"), "deployed_at",
                     json_object_get(entry->json, "deployed_at"));
    if (json && with_config && version.config)
        json_object_set(json, "config", (json_t *)(uintptr_t)version.config);
    return json;
}

/* For people, who want to know of configurations that they exist at most: without them. */
static json_t *describe_versions(struct store *store, const char *service) {
    json_t *list = list_versions(store, service), *one;
    size_t index;

    json_array_foreach(list, index, one) json_object_del(one, "config");
    return list ? list : json_array();
}

ramp_status store_list(struct store *store, const char *service, json_t **ret_list,
                       ramp_error *reterr) {
    ramp_status status = service ? check_name(service, reterr) : RAMP_OK;
    json_t *list, *one;
    DIR *stream;
    int copy;

    if (status) return status;
    list = json_array();
    if (!list) return error_set(reterr, RAMP_NO_MEMORY, "no memory to list the store");
    if (service) {
        one = describe(store, service, true);
        if (!one) {
            json_decref(list);
            return not_found(service, reterr);
        }
        json_object_set_new(one, "versions", describe_versions(store, service));
        json_array_append_new(list, one);
        *ret_list = list;
        return RAMP_OK;
    }
    copy = openat(store->modules, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    stream = copy < 0 ? NULL : fdopendir(copy);
    if (!stream) {
        if (copy >= 0) close(copy);
        json_decref(list);
        return error_set(reterr, RAMP_IO, "cannot list '%s': %s", store->path, strerror(errno));
    }
    for (struct dirent *entry; (entry = readdir(stream)) != NULL;)
        if (store_name_is_valid(entry->d_name) &&
            (one = describe(store, entry->d_name, false)) != NULL)
            json_array_append_new(list, one);
    closedir(stream);
    *ret_list = list;
    return RAMP_OK;
}
