// Name servers that never answer, for a process that knows nothing of it: preloaded, this library lets every
// look-up of a name that ends in KG_SILENT_NAMES wait until the process ends, or until the file KG_NAMES_ANSWER
// exists; then the name is 127.0.0.1. Look-ups that wait leave a byte in the file KG_NAMES_ASKED.

#include <dlfcn.h>
#include <fcntl.h>
#include <libgen.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

static int (*real_getaddrinfo)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

static int is_silent(const char *name) {
    const char *suffix = getenv("KG_SILENT_NAMES");
    if (!suffix || !name || strlen(name) < strlen(suffix)) return 0;
    return strcmp(name + strlen(name) - strlen(suffix), suffix) == 0;
}

// Returns once the file exists, which its folder tells: it is watched before it is looked into.
static void wait_for(const char *path) {
    char copy[4096], news[4096];
    strncpy(copy, path, sizeof copy - 1);
    copy[sizeof copy - 1] = 0;
    int folder = inotify_init1(IN_CLOEXEC);
    if (folder < 0 || inotify_add_watch(folder, dirname(copy), IN_CREATE | IN_MOVED_TO) < 0) abort();
    while (access(path, F_OK) != 0) (void)!read(folder, news, sizeof news);
    close(folder);
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    if (!real_getaddrinfo) *(void **)&real_getaddrinfo = dlsym(RTLD_NEXT, "getaddrinfo");
    if (!is_silent(name)) return real_getaddrinfo(name, service, hints, found);
    const char *asked = getenv("KG_NAMES_ASKED");
    int file = asked ? open(asked, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
    if (file >= 0) {
        (void)!write(file, ".", 1);
        close(file);
    }
    const char *answer = getenv("KG_NAMES_ANSWER");
    if (answer) wait_for(answer);
    else for (;;) pause();
    return real_getaddrinfo("127.0.0.1", service, hints, found);
}
