// What Glibc's Swift module does not export: epoll, eventfd, signalfd, accept4, getrandom and the macros
// around them. The only home of variadics and macros for the Reactor.
#ifndef KEYGATE_CLINUX_H
#define KEYGATE_CLINUX_H

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

// epoll_event is packed on x86-64 and its data is a union; Swift sees two plain integers instead.
typedef struct { uint32_t events; uint64_t token; } kg_event;

// The description of an errno value; NULL for an unknown one.
const char *kg_strerror(int code);

int kg_epoll_create(void);
int kg_epoll_add(int epoll, int fd, uint32_t events, uint64_t token);
int kg_epoll_modify(int epoll, int fd, uint32_t events, uint64_t token);
int kg_epoll_remove(int epoll, int fd);
// Fills at most `capacity` (≤ 256) events. timeout_ms < 0 waits for ever.
int kg_epoll_wait(int epoll, kg_event *events, int capacity, int timeout_ms);

int kg_eventfd(void);
// A signalfd for the signals of the list, which are blocked in the calling thread and those it starts.
int kg_signalfd(const int *signals, int count);
// The number of the next signal, 0 if none is pending, -1 with errno.
int kg_signalfd_read(int fd);

int kg_accept(int listener, struct sockaddr_storage *address, socklen_t *length);
int kg_fcntl_setfl_nonblock(int fd);
int kg_set_int_option(int fd, int level, int name, int value);
int kg_getrandom(void *buffer, size_t length);
int64_t kg_monotonic_nanos(void);
int64_t kg_realtime_nanos(void);
int kg_thread_name(const char *name);
int kg_open(const char *path, int flags, unsigned mode);
// Room behind the end of a file, which stays where it is.
int kg_fallocate_keep_size(int fd, int64_t offset, int64_t length);
// From how many bytes malloc makes a mapping, and how many free ones it keeps at the end of its heap.
void kg_set_malloc_thresholds(int map_bytes, int trim_bytes);
// Whether this was built with the address or the thread sanitizer.
int kg_has_sanitizer(void);
// Raises RLIMIT_NOFILE to its hard limit; returns the limit now in force, or -1.
int64_t kg_raise_fd_limit(void);

static const uint32_t KG_EPOLLIN = EPOLLIN, KG_EPOLLOUT = EPOLLOUT, KG_EPOLLRDHUP = EPOLLRDHUP,
    KG_EPOLLET = (uint32_t)EPOLLET, KG_EPOLLEXCLUSIVE = (uint32_t)EPOLLEXCLUSIVE,
    KG_EPOLLERR = EPOLLERR, KG_EPOLLHUP = EPOLLHUP;

#endif
