// libcurl without its variadic functions, which Swift cannot call: one wrapper per kind of argument. The
// macros and `long`-typed options become plain constants of the kind each wrapper takes.
#ifndef KEYGATE_CCURL_H
#define KEYGATE_CCURL_H

#include <curl/curl.h>

// Callback types as Swift sees them; the signatures are those of CURLOPT_WRITEFUNCTION(3) and so on.
typedef size_t (*kg_data_callback)(char *data, size_t size, size_t count, void *context);
typedef int (*kg_socket_callback)(CURL *easy, curl_socket_t socket, int what, void *context, void *socket_context);
typedef int (*kg_timer_callback)(CURLM *multi, long timeout_ms, void *context);
typedef curl_socket_t (*kg_opensocket_callback)(void *context, curlsocktype purpose, struct curl_sockaddr *address);
typedef int (*kg_closesocket_callback)(void *context, curl_socket_t socket);
typedef int (*kg_prerequest_callback)(void *context, char *remote, char *local, int remote_port, int local_port);
typedef int (*kg_trailer_callback)(struct curl_slist **list, void *context);

static inline CURLcode kg_easy_setopt_long(CURL *easy, CURLoption option, long value) {
    return curl_easy_setopt(easy, option, value);
}
static inline CURLcode kg_easy_setopt_offset(CURL *easy, CURLoption option, curl_off_t value) {
    return curl_easy_setopt(easy, option, value);
}
static inline CURLcode kg_easy_setopt_string(CURL *easy, CURLoption option, const char *value) {
    return curl_easy_setopt(easy, option, value);
}
static inline CURLcode kg_easy_setopt_pointer(CURL *easy, CURLoption option, void *value) {
    return curl_easy_setopt(easy, option, value);
}
static inline CURLcode kg_easy_setopt_list(CURL *easy, CURLoption option, struct curl_slist *value) {
    return curl_easy_setopt(easy, option, value);
}
static inline CURLcode kg_easy_setopt_data(CURL *easy, CURLoption option, kg_data_callback value) {
    return curl_easy_setopt(easy, option, value);
}
static inline CURLcode kg_easy_setopt_opensocket(CURL *easy, kg_opensocket_callback value) {
    return curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, value);
}
static inline CURLcode kg_easy_setopt_closesocket(CURL *easy, kg_closesocket_callback value) {
    return curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, value);
}
static inline CURLcode kg_easy_setopt_prerequest(CURL *easy, kg_prerequest_callback value) {
    return curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, value);
}
static inline CURLcode kg_easy_setopt_trailer(CURL *easy, kg_trailer_callback value) {
    return curl_easy_setopt(easy, CURLOPT_TRAILERFUNCTION, value);
}
// A parsed URL, or NULL; curl_url_cleanup frees it.
static inline CURLU *kg_url_parse(const char *text) {
    CURLU *url = curl_url();
    if (url && curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK) {
        curl_url_cleanup(url);
        url = NULL;
    }
    return url;
}
static inline CURLMcode kg_multi_setopt_long(CURLM *multi, CURLMoption option, long value) {
    return curl_multi_setopt(multi, option, value);
}
static inline CURLMcode kg_multi_setopt_pointer(CURLM *multi, CURLMoption option, void *value) {
    return curl_multi_setopt(multi, option, value);
}
static inline CURLMcode kg_multi_setopt_socket(CURLM *multi, kg_socket_callback value) {
    return curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, value);
}
static inline CURLMcode kg_multi_setopt_timer(CURLM *multi, kg_timer_callback value) {
    return curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, value);
}
static inline CURLcode kg_easy_getinfo_long(CURL *easy, CURLINFO info, long *value) {
    return curl_easy_getinfo(easy, info, value);
}
static inline CURLcode kg_easy_getinfo_pointer(CURL *easy, CURLINFO info, void **value) {
    return curl_easy_getinfo(easy, info, value);
}
static inline CURLcode kg_easy_getinfo_socket(CURL *easy, CURLINFO info, curl_socket_t *value) {
    return curl_easy_getinfo(easy, info, value);
}

// Initialises libcurl, with memory as CurlMemory.c gives it (but for sanitizers, which have to know each piece).
CURLcode kg_global_init(void);
// As malloc, free, realloc, calloc and strdup, and only for each other's memory.
void *kg_memory_take(size_t bytes);
void kg_memory_give(void *memory);
void *kg_memory_change(void *memory, size_t bytes);
void *kg_memory_take_zeroed(size_t count, size_t bytes);
char *kg_memory_duplicate(const char *text);
// From now on this thread keeps pieces of libcurl's memory for the next time, until as many ends as begins.
void kg_memory_lists_begin(void);
void kg_memory_lists_end(void);

// The next finished transfer, or NULL. Its result is copied out because the message may not be kept.
static inline CURL *kg_multi_next_done(CURLM *multi, CURLcode *result) {
    int left = 0;
    CURLMsg *message;
    while ((message = curl_multi_info_read(multi, &left))) {
        if (message->msg != CURLMSG_DONE) continue;
        *result = message->data.result;
        return message->easy_handle;
    }
    return NULL;
}

// The socket libcurl asks for in its open-socket callback, non-blocking and closed on exec.
curl_socket_t kg_open_upstream_socket(struct curl_sockaddr *address);

static const size_t KG_WRITE_PAUSE = CURL_WRITEFUNC_PAUSE, KG_READ_PAUSE = CURL_READFUNC_PAUSE,
    KG_READ_ABORT = CURL_READFUNC_ABORT;
static const int KG_PAUSE_NONE = CURLPAUSE_CONT, KG_PAUSE_RECV = CURLPAUSE_RECV, KG_PAUSE_SEND = CURLPAUSE_SEND;
static const curl_socket_t KG_SOCKET_TIMEOUT = CURL_SOCKET_TIMEOUT, KG_SOCKET_BAD = CURL_SOCKET_BAD;
static const long KG_HTTP_1_1 = CURL_HTTP_VERSION_1_1;

#endif
