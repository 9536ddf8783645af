#include "CCurl.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

_Static_assert(sizeof(long) == 8, "Keygate passes 64-bit values for libcurl's long options");

curl_socket_t kg_open_upstream_socket(struct curl_sockaddr *address) {
    int fd = socket(address->family, address->socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, address->protocol);
    return fd < 0 ? CURL_SOCKET_BAD : fd;
}
