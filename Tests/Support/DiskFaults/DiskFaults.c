// A failing disk for a process that knows nothing of it: preloaded, this library stands between the process
// and the files under one directory, counts what is done to them, and makes the n-th operation go wrong.
// It can also take the power away: then every file and every name becomes what a disk might hold that was
// told to sync only what the process synced.
//
//   KG_FAULT_DIR=DIR     the directory; operations on the directory and on files and names in it count
//   KG_FAULT_OPS=a,b     which count: create open write sync dirsync rename truncate unlink mkdir;
//                        all but `open` (an open that creates nothing) unless said
//   KG_FAULT_AT=N        the operation that goes wrong, from 1
//   KG_FAULT_FOR=M       so many go wrong, from the N-th on; 1 unless said, 0 = all that follow
//   KG_FAULT_WHILE=FILE  instead of AT and FOR: every operation goes wrong while FILE exists
//   KG_FAULT_KIND=K      how:
//       EIO ENOSPC EDQUOT EROFS EACCES  it does nothing and fails with that
//       tear-EIO, tear-ENOSPC …         a write stores half of its bytes and says so; the next operation fails
//       short                           a write stores half of its bytes and says so; others are not touched
//       kill, kill-after                the process is killed before it, or after it
//       power                           the power fails during it; the process is gone
//   KG_FAULT_POWER_AT=N, KG_FAULT_POWER_WHEN=FILE
//                        the power fails during the N-th operation, or the first after FILE exists, whatever else
//                        goes wrong before
//   KG_FAULT_SEED=S      what a power failure keeps of what was not synced: 0 nothing, 1 everything, otherwise
//                        S chooses a subset, writes torn at any byte
//   KG_FAULT_LOG=FILE    a line for each operation that counts: number, operation, name, bytes, fault
//   KG_FAULT_NOSYNC=1    syncs return without asking the real disk (which a simulated power failure ignores)
//
// The model of the disk. A file has its durable bytes and a list of writes and truncations since; a sync
// makes the list durable, a sync that fails makes it doubtful for ever, whatever later syncs say (the kernel
// marks the pages clean). A directory has its durable names and a list of changes since, each kept or lost
// as a whole. While the process runs it sees what it wrote; only the power failure rewrites the files. To be
// able to give a lost name back its file, every file has a second name in DIR.limbo.
//
// Making a directory is taken to be durable at once. Files are taken to be durable as they are when the
// process first touches them.

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

// ---- the real thing --------------------------------------------------------------------------------

#define REAL(result, name, ...)                                  \
    static result (*real_##name)(__VA_ARGS__);                   \
    static void load_##name(void) {                              \
        if (!real_##name) *(void **)&real_##name = dlsym(RTLD_NEXT, #name); \
    }
REAL(int, open, const char *, int, ...)
REAL(ssize_t, write, int, const void *, size_t)
REAL(int, fdatasync, int)
REAL(int, fsync, int)
REAL(int, rename, const char *, const char *)
REAL(int, ftruncate, int, off_t)
REAL(int, unlink, const char *)
REAL(int, mkdir, const char *, mode_t)
REAL(int, close, int)

// ---- settings --------------------------------------------------------------------------------------

enum operation { CREATE, OPEN, WRITE, SYNC, DIRSYNC, RENAME, TRUNCATE, UNLINK, MKDIR, OPERATIONS };
static const char *const names_of_operations[OPERATIONS] = {
    "create", "open", "write", "sync", "dirsync", "rename", "truncate", "unlink", "mkdir"};

enum fault { NONE, FAILS, TEARS, SHORT, KILLS, KILLS_AFTER, POWER };

static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static char directory[PATH_MAX], limbo[PATH_MAX];
static size_t directory_length;
static bool counts[OPERATIONS];
static long fault_at, fault_for = 1, count_so_far;
static long power_at;
static const char *fault_while, *power_when;
static bool models_power;
static enum fault kind;
static int fault_code = EIO;
static uint64_t seed;
static int log_fd = -1;
static bool no_sync;

static int code_named(const char *name) {
    static const struct { const char *name; int code; } codes[] = {
        {"EIO", EIO}, {"ENOSPC", ENOSPC}, {"EDQUOT", EDQUOT}, {"EROFS", EROFS}, {"EACCES", EACCES}};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (!strcmp(name, codes[i].name)) return codes[i].code;
    fprintf(stderr, "DiskFaults: KG_FAULT_KIND=%s is unknown\n", name);
    _exit(125);
}

__attribute__((constructor)) static void configure(void) {
    load_open(), load_write(), load_fdatasync(), load_fsync(), load_rename(), load_ftruncate(), load_unlink(),
        load_mkdir(), load_close();
    const char *value = getenv("KG_FAULT_DIR");
    if (!value || !*value) return;
    // The directory may have yet to be made; its parent must be there.
    char parent[PATH_MAX];
    snprintf(parent, sizeof parent, "%s", value);
    size_t length = strlen(parent);
    while (length > 1 && parent[length - 1] == '/') parent[--length] = 0;
    char *slash = strrchr(parent, '/');
    const char *base = slash ? slash + 1 : parent;
    char resolved[PATH_MAX];
    if (slash) *slash = 0;
    if (!realpath(slash ? (*parent ? parent : "/") : ".", resolved)) return;
    snprintf(directory, sizeof directory, "%.2000s/%.1000s", resolved, base);
    snprintf(limbo, sizeof limbo, "%.3000s.limbo", directory);
    directory_length = strlen(directory);

    const char *list = getenv("KG_FAULT_OPS");
    for (int i = 0; i < OPERATIONS; i++) {
        counts[i] = list ? false : i != OPEN;
        for (const char *at = list; at && *at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
            size_t n = strlen(names_of_operations[i]);
            if (!strncmp(at, names_of_operations[i], n) && (at[n] == ',' || !at[n])) counts[i] = true;
        }
    }
    if ((value = getenv("KG_FAULT_AT"))) fault_at = atol(value);
    if ((value = getenv("KG_FAULT_FOR"))) fault_for = atol(value);
    fault_while = getenv("KG_FAULT_WHILE");
    if ((value = getenv("KG_FAULT_SEED"))) seed = strtoull(value, NULL, 10);
    no_sync = getenv("KG_FAULT_NOSYNC") != NULL;
    if ((value = getenv("KG_FAULT_LOG")))
        log_fd = real_open(value, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if ((value = getenv("KG_FAULT_POWER_AT"))) power_at = atol(value);
    power_when = getenv("KG_FAULT_POWER_WHEN");
    models_power = power_at > 0 || power_when;
    value = getenv("KG_FAULT_KIND");
    if (!value) return;
    if (!strcmp(value, "short")) kind = SHORT;
    else if (!strcmp(value, "kill")) kind = KILLS;
    else if (!strcmp(value, "kill-after")) kind = KILLS_AFTER;
    else if (!strcmp(value, "power")) kind = POWER, models_power = true;
    else if (!strncmp(value, "tear-", 5)) kind = TEARS, fault_code = code_named(value + 5);
    else kind = FAILS, fault_code = code_named(value);
}

// Writes the absolute path of `path` if it is the directory or in it.
static bool is_ours(const char *path, char out[PATH_MAX]) {
    if (!directory_length || !path) return false;
    char resolved[PATH_MAX];
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    if (path[0] == '/') {
        snprintf(out, PATH_MAX, "%s", path);
    } else {
        if (!getcwd(resolved, sizeof resolved)) return false;
        snprintf(out, PATH_MAX, "%.2000s/%.2000s", resolved, path);
    }
    size_t length = strlen(out);
    while (length > 1 && out[length - 1] == '/') out[--length] = 0;
    // Spelled with links or dots: ask the parent.
    if (strncmp(out, directory, directory_length) || strstr(out, "/../") || strstr(out, "/./")) {
        char parent[PATH_MAX];
        snprintf(parent, sizeof parent, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
        if (!*base || !realpath(*parent ? parent : "/", resolved)) return false;
        snprintf(out, PATH_MAX, "%.2000s/%.1000s", resolved, base);
    }
    return !strncmp(out, directory, directory_length)
        && (out[directory_length] == 0 || out[directory_length] == '/');
}

// ---- the model -------------------------------------------------------------------------------------

struct change { bool is_write, doubtful; off_t at; size_t length; char *bytes; struct change *next; };
struct file {
    dev_t device; ino_t inode;
    char *durable; size_t length;
    struct change *changes;
    char spare[PATH_MAX];
    struct file *next;
};
struct name { char path[PATH_MAX]; struct file *durable, *current; struct name *next; };
// A change of one or two names of a directory, kept or lost as a whole.
struct renaming { struct name *first, *second; struct file *first_file, *second_file; struct renaming *next; };

static struct file *files;
static struct name *known_names;
static struct renaming *renamings;
static int spare_count;

struct descriptor { struct file *file; bool is_directory, is_ours; char name[NAME_MAX + 1]; };
static struct descriptor descriptors[65536];

static struct descriptor *descriptor(int fd) {
    return fd >= 0 && fd < 65536 && descriptors[fd].is_ours ? &descriptors[fd] : NULL;
}

static void put(struct file *file, const char *bytes, off_t at, size_t length) {
    if ((size_t)at + length > file->length) {
        file->durable = realloc(file->durable, (size_t)at + length + 1);
        memset(file->durable + file->length, 0, (size_t)at + length - file->length);
        file->length = (size_t)at + length;
    }
    if (bytes) memcpy(file->durable + at, bytes, length);
}

static void cut(struct file *file, off_t length) {
    if ((size_t)length < file->length) file->length = (size_t)length;
    else put(file, NULL, length, 0);
}

// The model of the file at `path`, which exists; its bytes are durable unless `is_new`.
static struct file *file_at(const char *path, bool is_new) {
    struct stat info;
    if (lstat(path, &info) || !S_ISREG(info.st_mode)) return NULL;
    for (struct file *file = files; file; file = file->next)
        if (file->inode == info.st_ino && file->device == info.st_dev) return file;
    struct file *file = calloc(1, sizeof *file);
    file->device = info.st_dev, file->inode = info.st_ino;
    if (!is_new) {
        int fd = real_open(path, O_RDONLY | O_CLOEXEC);
        put(file, NULL, 0, (size_t)info.st_size);
        if (fd < 0 || pread(fd, file->durable, file->length, 0) < 0) file->length = 0;
        real_close(fd);
    }
    real_mkdir(limbo, 0700);
    snprintf(file->spare, sizeof file->spare, "%.3000s/%d-%d", limbo, getpid(), spare_count++);
    if (link(path, file->spare)) fprintf(stderr, "DiskFaults: cannot link %s\n", file->spare);
    file->next = files, files = file;
    return file;
}

static struct name *name_at(const char *path) {
    for (struct name *name = known_names; name; name = name->next)
        if (!strcmp(name->path, path)) return name;
    struct name *name = calloc(1, sizeof *name);
    snprintf(name->path, sizeof name->path, "%s", path);
    name->durable = name->current = file_at(path, false);
    name->next = known_names, known_names = name;
    return name;
}

static void note_names(struct name *first, struct file *first_file, struct name *second, struct file *second_file) {
    struct renaming *made = calloc(1, sizeof *made), **end = &renamings;
    made->first = first, made->first_file = first->current = first_file;
    if ((made->second = second)) made->second_file = second->current = second_file;
    while (*end) end = &(*end)->next;
    *end = made;
}

static void note_change(struct file *file, bool is_write, const void *bytes, size_t length, off_t at) {
    struct change *made = calloc(1, sizeof *made), **end = &file->changes;
    made->is_write = is_write, made->at = at, made->length = length;
    if (is_write) made->bytes = memcpy(malloc(length + 1), bytes, length);
    while (*end) end = &(*end)->next;
    *end = made;
}

static void note_sync(struct file *file) {
    struct change *doubtful = NULL, **end = &doubtful;
    for (struct change *at = file->changes, *next; at; at = next) {
        next = at->next;
        if (at->doubtful) {
            *end = at, at->next = NULL, end = &at->next;
            continue;
        }
        // What is durable now stands where something doubtful stood.
        for (struct change **old = &doubtful; *old;) {
            bool replaced = at->is_write ? (*old)->at < at->at + (off_t)at->length && at->at < (*old)->at + (off_t)(*old)->length
                                         : (*old)->at + (off_t)(*old)->length > at->at;
            if (replaced) *old = (*old)->next; else old = &(*old)->next;
        }
        for (end = &doubtful; *end;) end = &(*end)->next;
        if (at->is_write) put(file, at->bytes, at->at, at->length); else cut(file, at->at);
        free(at->bytes), free(at);
    }
    file->changes = doubtful;
}

static void note_failed_sync(struct file *file) {
    for (struct change *at = file->changes; at; at = at->next) at->doubtful = true;
}

static void note_directory_sync(void) {
    for (struct renaming *at = renamings, *next; at; at = next) {
        next = at->next;
        at->first->durable = at->first_file;
        if (at->second) at->second->durable = at->second_file;
        free(at);
    }
    renamings = NULL;
}

static uint64_t choose(uint64_t below) {
    if (seed == 0) return 0;
    if (seed == 1) return below - 1;
    seed += 0x9E3779B97F4A7C15u;
    uint64_t z = seed;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u, z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return (z ^ z >> 31) % below;
}

__attribute__((noreturn)) static void end_process(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

// Every file and name becomes what the disk has. Does not return, and the lock is never given back: no
// other thread does anything more to the files.
__attribute__((noreturn)) static void lose_power(void) {
    for (struct renaming *at = renamings; at; at = at->next) {
        if (choose(2) == 0) continue;
        at->first->durable = at->first_file;
        if (at->second) at->second->durable = at->second_file;
    }
    for (struct file *file = files; file; file = file->next) {
        for (struct change *at = file->changes; at; at = at->next) {
            // A third each: lost, whole, torn.
            uint64_t fate = choose(3);
            if (fate == 0) continue;
            size_t length = fate == 2 ? at->length : (size_t)choose(at->length + 1);
            if (!at->is_write) cut(file, at->at); else put(file, at->bytes, at->at, length);
        }
        // A file of its own: shortening the old one would be a SIGBUS for a thread that has it mapped.
        real_unlink(file->spare);
        int fd = real_open(file->spare, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        size_t done = 0;
        while (fd >= 0 && done < file->length) {
            ssize_t n = real_write(fd, file->durable + done, file->length - done);
            if (n <= 0) break;
            done += (size_t)n;
        }
        if (fd < 0 || done < file->length) fprintf(stderr, "DiskFaults: cannot write %s\n", file->spare);
    }
    for (struct name *name = known_names; name; name = name->next) {
        real_unlink(name->path);
        if (name->durable && link(name->durable->spare, name->path))
            fprintf(stderr, "DiskFaults: cannot link %s\n", name->path);
    }
    for (struct file *file = files; file; file = file->next) real_unlink(file->spare);
    end_process();
}

// ---- deciding --------------------------------------------------------------------------------------

// Counts one operation; what is to go wrong with it. `TEARS` stands for the first operation of a run of
// faults, which tears if it is a write; those that follow fail.
static enum fault next(enum operation operation, const char *path, size_t bytes) {
    if (!counts[operation]) return NONE;
    count_so_far++;
    bool strikes = fault_while ? access(fault_while, F_OK) == 0
                               : fault_at > 0 && count_so_far >= fault_at
            && (fault_for == 0 || count_so_far < fault_at + fault_for + (kind == TEARS));
    enum fault fault = strikes ? kind : NONE;
    if (fault == TEARS && (operation != WRITE || (!fault_while && count_so_far > fault_at))) fault = FAILS;
    if (fault == SHORT && operation != WRITE) fault = NONE;
    if (power_at > 0 ? count_so_far == power_at : power_when && access(power_when, F_OK) == 0) fault = POWER;
    if (log_fd >= 0) {
        const char *slash = strrchr(path, '/');
        char line[512];
        static const char *const said[] = {"-", "fails", "tears", "short", "kill", "kill-after", "power"};
        int n = snprintf(line, sizeof line, "%ld %s %.300s %zu %s\n", count_so_far,
            names_of_operations[operation], slash ? slash + 1 : path, bytes, said[fault]);
        if (real_write(log_fd, line, (size_t)n) < 0) {}
    }
    if (fault == KILLS) end_process();
    return fault;
}

// After the operation: the ends that come then.
static void settle(enum fault fault) {
    int code = errno;
    if (fault == POWER) lose_power();
    if (fault == KILLS_AFTER) end_process();
    errno = code;
}

static int refuse(void) {
    errno = fault_code;
    return -1;
}

#define ENTER() pthread_mutex_lock(&lock)
#define LEAVE(value) do { int code_ = errno; pthread_mutex_unlock(&lock); errno = code_; return value; } while (0)

// ---- what the process calls ------------------------------------------------------------------------

static int open_ours(const char *path, int flags, mode_t mode, const char *given) {
    struct stat info;
    bool existed = lstat(path, &info) == 0;
    if (existed && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)) return real_open(given, flags, mode);
    enum fault fault = next((flags & O_CREAT) ? CREATE : OPEN, path, 0);
    if (fault == FAILS || fault == TEARS) return refuse();
    struct name *name = models_power && !(flags & O_DIRECTORY) ? name_at(path) : NULL;
    int fd = real_open(given, flags, mode);
    if (fd >= 0 && fd < 65536) {
        struct descriptor *made = &descriptors[fd];
        memset(made, 0, sizeof *made);
        const char *slash = strrchr(path, '/');
        snprintf(made->name, sizeof made->name, "%.200s", slash ? slash + 1 : path);
        made->is_ours = true;
        made->is_directory = (flags & O_DIRECTORY) != 0;
        if (name) {
            made->file = file_at(path, !existed);
            if (!existed) note_names(name, made->file, NULL, NULL);
            else if ((flags & O_TRUNC) && made->file) note_change(made->file, false, NULL, 0, 0);
        }
    }
    settle(fault);
    return fd;
}

static int open_any(const char *path, int flags, mode_t mode) {
    load_open();
    char ours[PATH_MAX];
    if (!is_ours(path, ours)) return real_open(path, flags, mode);
    ENTER();
    int fd = open_ours(ours, flags, mode, path);
    LEAVE(fd);
}

#define MODE_OF(flags, mode)                                             \
    mode_t mode = 0;                                                     \
    if ((flags) & (O_CREAT | O_TMPFILE)) {                               \
        va_list rest;                                                    \
        va_start(rest, flags);                                           \
        mode = va_arg(rest, mode_t);                                     \
        va_end(rest);                                                    \
    }

int open(const char *path, int flags, ...) { MODE_OF(flags, mode) return open_any(path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE_OF(flags, mode) return open_any(path, flags, mode); }

int close(int fd) {
    load_close();
    if (fd >= 0 && fd < 65536) descriptors[fd].is_ours = false;
    return real_close(fd);
}

ssize_t write(int fd, const void *bytes, size_t count) {
    load_write();
    struct descriptor *at = descriptor(fd);
    if (!at || at->is_directory) return real_write(fd, bytes, count);
    ENTER();
    enum fault fault = next(WRITE, at->name, count);
    if (fault == FAILS) LEAVE(refuse());
    if ((fault == TEARS || fault == SHORT) && count > 1) count /= 2;
    struct stat info;
    off_t position = fcntl(fd, F_GETFL) & O_APPEND ? (fstat(fd, &info) ? 0 : info.st_size) : lseek(fd, 0, SEEK_CUR);
    ssize_t written = real_write(fd, bytes, count);
    if (at->file && written > 0) note_change(at->file, true, bytes, (size_t)written, position);
    settle(fault);
    LEAVE(written);
}

static int sync_any(int fd, int (*real)(int)) {
    struct descriptor *at = descriptor(fd);
    if (!at) return real(fd);
    ENTER();
    enum fault fault = next(at->is_directory ? DIRSYNC : SYNC, at->name, 0);
    if (fault == FAILS || fault == TEARS) {
        if (at->file) note_failed_sync(at->file);
        LEAVE(refuse());
    }
    if (fault == POWER) settle(fault);
    int result = no_sync ? 0 : real(fd);
    if (at->file && result == 0) note_sync(at->file);
    if (at->is_directory && result == 0) note_directory_sync();
    settle(fault);
    LEAVE(result);
}

int fdatasync(int fd) { load_fdatasync(); return sync_any(fd, real_fdatasync); }
int fsync(int fd) { load_fsync(); return sync_any(fd, real_fsync); }

static int truncate_any(int fd, off_t length) {
    load_ftruncate();
    struct descriptor *at = descriptor(fd);
    if (!at) return real_ftruncate(fd, length);
    ENTER();
    enum fault fault = next(TRUNCATE, at->name, (size_t)length);
    if (fault == FAILS || fault == TEARS) LEAVE(refuse());
    int result = real_ftruncate(fd, length);
    if (at->file && result == 0) note_change(at->file, false, NULL, 0, length);
    settle(fault);
    LEAVE(result);
}

int ftruncate(int fd, off_t length) { return truncate_any(fd, length); }
int ftruncate64(int fd, off64_t length) { return truncate_any(fd, length); }

int rename(const char *from, const char *to) {
    load_rename();
    char old_path[PATH_MAX], new_path[PATH_MAX];
    bool from_ours = is_ours(from, old_path), to_ours = is_ours(to, new_path);
    if (!from_ours && !to_ours) return real_rename(from, to);
    ENTER();
    enum fault fault = next(RENAME, to_ours ? new_path : old_path, 0);
    if (fault == FAILS || fault == TEARS) LEAVE(refuse());
    bool is_modelled = models_power && from_ours && to_ours;
    struct name *old = is_modelled ? name_at(old_path) : NULL, *new = is_modelled ? name_at(new_path) : NULL;
    int result = real_rename(from, to);
    if (is_modelled && result == 0 && old->current) note_names(old, NULL, new, old->current);
    settle(fault);
    LEAVE(result);
}

int unlink(const char *path) {
    load_unlink();
    char ours[PATH_MAX];
    struct stat info;
    if (!is_ours(path, ours) || lstat(ours, &info) || !S_ISREG(info.st_mode)) return real_unlink(path);
    ENTER();
    enum fault fault = next(UNLINK, ours, 0);
    if (fault == FAILS || fault == TEARS) LEAVE(refuse());
    struct name *name = models_power ? name_at(ours) : NULL;
    int result = real_unlink(path);
    if (name && result == 0) note_names(name, NULL, NULL, NULL);
    settle(fault);
    LEAVE(result);
}

int mkdir(const char *path, mode_t mode) {
    load_mkdir();
    char ours[PATH_MAX];
    struct stat info;
    if (!is_ours(path, ours) || lstat(ours, &info) == 0) return real_mkdir(path, mode);
    ENTER();
    enum fault fault = next(MKDIR, ours, 0);
    if (fault == FAILS || fault == TEARS) LEAVE(refuse());
    int result = real_mkdir(path, mode);
    settle(fault);
    LEAVE(result);
}
