// Another date for a process that knows nothing of it: preloaded, this library moves the clock of the day by
// KG_CLOCK_MILLIS milliseconds. The monotonic clock goes on as it is.

#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static long long shift_in_millis(void) {
    const char *text = getenv("KG_CLOCK_MILLIS");
    return text ? atoll(text) : 0;
}

static int (*real_clock_gettime)(clockid_t, struct timespec *);
static long long shift;

__attribute__((constructor)) static void prepare(void) {
    *(void **)&real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    shift = shift_in_millis();
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    if (!real_clock_gettime) prepare();
    int failed = real_clock_gettime(clock, now);
    if (failed || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)) return failed;
    long long nanos = now->tv_nsec + shift % 1000 * 1000000;
    now->tv_sec += shift / 1000 + nanos / 1000000000;
    now->tv_nsec = nanos % 1000000000;
    return 0;
}

int gettimeofday(struct timeval *now, void *zone) {
    (void)zone;
    struct timespec precise;
    int failed = clock_gettime(CLOCK_REALTIME, &precise);
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return failed;
}

time_t time(time_t *result) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (result) *result = now.tv_sec;
    return now.tv_sec;
}
