// The functions of OpenSSL 3's libssl that Keygate calls for TLS with its clients, declared by hand as CCrypto
// does: the library comes with libcurl, its development headers do not. Prototypes as in the OpenSSL 3.0
// manual pages of each function; numbers as in its <openssl/ssl.h>, <openssl/tls1.h> and <openssl/x509v3.h>,
// where they are part of the ABI.
#ifndef KEYGATE_CTLS_H
#define KEYGATE_CTLS_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

typedef struct ssl_ctx_st SSL_CTX;
typedef struct ssl_st SSL;
typedef struct x509_st X509;

// Results of SSL_get_error.
#define KG_SSL_ERROR_WANT_READ 2
#define KG_SSL_ERROR_WANT_WRITE 3
#define KG_SSL_ERROR_SYSCALL 5
#define KG_SSL_ERROR_ZERO_RETURN 6

void SSL_CTX_free(SSL_CTX *context);
int SSL_CTX_use_certificate_chain_file(SSL_CTX *context, const char *path);
int SSL_CTX_check_private_key(const SSL_CTX *context);

SSL *SSL_new(SSL_CTX *context);
void SSL_free(SSL *ssl);
int SSL_set_fd(SSL *ssl, int fd);
void SSL_set_accept_state(SSL *ssl);
int SSL_do_handshake(SSL *ssl);
int SSL_read(SSL *ssl, void *buffer, int size);
int SSL_write(SSL *ssl, const void *buffer, int size);
int SSL_shutdown(SSL *ssl);
int SSL_get_error(const SSL *ssl, int result);
long SSL_get_verify_result(const SSL *ssl);
const char *X509_verify_cert_error_string(long result);
void ERR_clear_error(void);

// The certificates of one listener. Must outlive every SSL made from the first of them.
typedef struct {
    size_t count;
    SSL_CTX **contexts;
} kg_tls_certificates;

// A context for servers that speaks TLS 1.2 and 1.3 as Keygate wants it; NULL without memory.
SSL_CTX *kg_tls_context_new(void);

// The same for clients, which offer to speak http/1.1 and verify nobody yet; NULL without memory.
SSL_CTX *kg_tls_client_context_new(void);

// Verifies servers by the authorities in a file (PEM), or by those of the system for NULL. 1 on success.
int kg_tls_verify_servers(SSL_CTX *context, const char *path);

// Makes a client of the server `name`, a host name or an IP address, whose certificate must be for that name where
// servers are verified. 1 on success.
int kg_tls_connect_to(SSL *ssl, const char *name, int is_address);

// Reads the private key (PEM), after the certificate. 1 on success, -1 if it is under a passphrase.
int kg_tls_use_key(SSL_CTX *context, const char *path);

// Asks clients for a certificate of these authorities (PEM), and insists on one if `required`. 1 on success.
int kg_tls_use_client_authority(SSL_CTX *context, const char *path, int required);

// Lets the name that a client asks for choose among the certificates; `certificates->contexts[0]` is the one
// that connections begin with.
void kg_tls_choose_among(kg_tls_certificates *certificates);

// When the certificate begins and ends to be valid, in UTC. 1 on success.
int kg_tls_validity(const SSL_CTX *context, struct tm *begin, struct tm *end);

// -1, 0 or 1: the certificate is not valid yet, valid, expired.
int kg_tls_age(const SSL_CTX *context);

// The subject of the peer's certificate as RFC 4514 writes names, at most `size` bytes of it into `text`.
// Returns its whole length, or -1 if the peer has shown no certificate.
long kg_tls_peer_subject(const SSL *ssl, char *text, size_t size);

// The words for the oldest error of this thread's queue, which is emptied; NULL if there are none.
const char *kg_tls_take_error(void);

#endif
