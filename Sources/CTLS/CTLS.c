// What of OpenSSL is made of macros, callbacks and several calls for one thought.

#include "CTLS.h"

#include <string.h>

typedef struct ssl_method_st SSL_METHOD;
typedef struct bio_st BIO;
typedef struct bio_method_st BIO_METHOD;
typedef struct asn1_string_st ASN1_TIME;
typedef struct X509_name_st X509_NAME;
typedef struct stack_st_X509_NAME X509_NAMES;

const SSL_METHOD *TLS_server_method(void);
const SSL_METHOD *TLS_client_method(void);
SSL_CTX *SSL_CTX_new(const SSL_METHOD *method);
long SSL_CTX_ctrl(SSL_CTX *context, int command, long number, void *pointer);
long SSL_CTX_callback_ctrl(SSL_CTX *context, int command, void (*callback)(void));
uint64_t SSL_CTX_set_options(SSL_CTX *context, uint64_t options);
int SSL_CTX_set_cipher_list(SSL_CTX *context, const char *ciphers);
int SSL_CTX_set_num_tickets(SSL_CTX *context, size_t count);
int SSL_CTX_use_PrivateKey_file(SSL_CTX *context, const char *path, int type);
void SSL_CTX_set_default_passwd_cb(SSL_CTX *context, int (*callback)(char *, int, int, void *));
void SSL_CTX_set_default_passwd_cb_userdata(SSL_CTX *context, void *argument);
int SSL_CTX_set_default_verify_paths(SSL_CTX *context);
int SSL_CTX_set_alpn_protos(SSL_CTX *context, const unsigned char *protocols, unsigned int length);
int SSL_CTX_load_verify_locations(SSL_CTX *context, const char *file, const char *directory);
X509_NAMES *SSL_load_client_CA_file(const char *file);
void SSL_CTX_set_client_CA_list(SSL_CTX *context, X509_NAMES *names);
void SSL_CTX_set_verify(SSL_CTX *context, int mode, int (*callback)(int, void *));
int SSL_CTX_set_session_id_context(SSL_CTX *context, const unsigned char *id, unsigned int length);
void SSL_CTX_set_alpn_select_cb(
    SSL_CTX *context,
    int (*callback)(SSL *, const unsigned char **, unsigned char *, const unsigned char *, unsigned int, void *),
    void *argument);
X509 *SSL_CTX_get0_certificate(const SSL_CTX *context);
void SSL_set_connect_state(SSL *ssl);
long SSL_ctrl(SSL *ssl, int command, long number, void *pointer);
int SSL_set1_host(SSL *ssl, const char *name);
const char *SSL_get_servername(const SSL *ssl, int type);
SSL_CTX *SSL_set_SSL_CTX(SSL *ssl, SSL_CTX *context);
X509 *SSL_get1_peer_certificate(const SSL *ssl);
int SSL_select_next_proto(
    unsigned char **chosen, unsigned char *chosen_length, const unsigned char *ours, unsigned int our_length,
    const unsigned char *theirs, unsigned int their_length);
void X509_free(X509 *certificate);
int X509_check_host(X509 *certificate, const char *name, size_t length, unsigned int flags, char **matched);
X509_NAME *X509_get_subject_name(const X509 *certificate);
int X509_NAME_print_ex(BIO *output, const X509_NAME *name, int indent, unsigned long flags);
const ASN1_TIME *X509_get0_notBefore(const X509 *certificate);
const ASN1_TIME *X509_get0_notAfter(const X509 *certificate);
int X509_cmp_current_time(const ASN1_TIME *time);
int ASN1_TIME_to_tm(const ASN1_TIME *time, struct tm *result);
const BIO_METHOD *BIO_s_mem(void);
BIO *BIO_new(const BIO_METHOD *method);
int BIO_read(BIO *bio, void *data, int size);
long BIO_ctrl(BIO *bio, int command, long number, void *pointer);
int BIO_free(BIO *bio);
unsigned long ERR_peek_error(void);
const char *ERR_reason_error_string(unsigned long error);

enum {
    SSL_CTRL_MODE = 33,
    SSL_CTRL_SET_READ_AHEAD = 41,
    SSL_CTRL_SET_SESS_CACHE_MODE = 44,
    SSL_CTRL_SET_TLSEXT_SERVERNAME_CB = 53,
    SSL_CTRL_SET_TLSEXT_SERVERNAME_ARG = 54,
    SSL_CTRL_SET_TLSEXT_HOSTNAME = 55,
    SSL_CTRL_SET_MIN_PROTO_VERSION = 123,
    SSL_CTRL_SET_MAX_PROTO_VERSION = 124,
    SSL_MODE_ENABLE_PARTIAL_WRITE = 0x1,
    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER = 0x2,
    SSL_MODE_RELEASE_BUFFERS = 0x10,
    SSL_OP_NO_TICKET = 0x4000,
    SSL_OP_NO_COMPRESSION = 0x20000,
    SSL_OP_NO_RENEGOTIATION = 0x40000000,
    SSL_SESS_CACHE_OFF = 0,
    TLS1_2_VERSION = 0x303,
    TLS1_3_VERSION = 0x304,
    SSL_FILETYPE_PEM = 1,
    SSL_VERIFY_PEER = 1,
    SSL_VERIFY_FAIL_IF_NO_PEER_CERT = 2,
    SSL_TLSEXT_ERR_OK = 0,
    SSL_TLSEXT_ERR_ALERT_FATAL = 2,
    SSL_TLSEXT_ERR_NOACK = 3,
    OPENSSL_NPN_NEGOTIATED = 1,
    TLSEXT_NAMETYPE_host_name = 0,
    X509_CHECK_FLAG_NO_WILDCARDS = 0x2,
    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS = 0x4,
    X509_CHECK_FLAG_NEVER_CHECK_SUBJECT = 0x20,
    XN_FLAG_RFC2253 = 0x1110317,
    BIO_CTRL_PENDING = 10,
};

// RFC 7301: a client that speaks other protocols only is told so, instead of being answered in one that it
// does not expect. One that offers none is not asked, and speaks HTTP/1.1.
static int select_protocol(
    SSL *ssl, const unsigned char **chosen, unsigned char *chosen_length, const unsigned char *offered,
    unsigned int offered_length, void *argument) {
    static const unsigned char spoken[] = "\x08http/1.1\x08http/1.0";
    (void)ssl;
    (void)argument;
    int result = SSL_select_next_proto(
        (unsigned char **)chosen, chosen_length, spoken, sizeof spoken - 1, offered, offered_length);
    return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

// A server has nobody to ask for a passphrase; OpenSSL would ask the terminal. The argument points to where to
// note that one was wanted.
static int no_passphrase(char *buffer, int size, int writing, void *argument) {
    (void)buffer;
    (void)size;
    (void)writing;
    *(int *)argument = 1;
    return -1;
}

static SSL_CTX *new_context(const SSL_METHOD *method) {
    SSL_CTX *context = SSL_CTX_new(method);
    if (context == NULL) return NULL;
    SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, TLS1_2_VERSION, NULL);
    SSL_CTX_ctrl(context, SSL_CTRL_SET_MAX_PROTO_VERSION, TLS1_3_VERSION, NULL);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    // Buffers of an idle connection are given back; a write may go on from another address, and may be short.
    SSL_CTX_ctrl(
        context, SSL_CTRL_MODE,
        SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS, NULL);
    // One system call for a record instead of one for its head and one for the rest.
    SSL_CTX_ctrl(context, SSL_CTRL_SET_READ_AHEAD, 1, NULL);
    return context;
}

SSL_CTX *kg_tls_context_new(void) {
    SSL_CTX *context = new_context(TLS_server_method());
    if (context == NULL) return NULL;
    // TLS 1.2 with forward secrecy and authenticated encryption only; those of 1.3 are all of that kind.
    SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20");
    // Sessions are resumed by tickets, which cost no memory here. Their keys live and die with the context.
    SSL_CTX_ctrl(context, SSL_CTRL_SET_SESS_CACHE_MODE, SSL_SESS_CACHE_OFF, NULL);
    SSL_CTX_set_session_id_context(context, (const unsigned char *)"keygate", 7);
    SSL_CTX_set_alpn_select_cb(context, select_protocol, NULL);
    return context;
}

SSL_CTX *kg_tls_client_context_new(void) {
    static const unsigned char offered[] = "\x08http/1.1";
    SSL_CTX *context = new_context(TLS_client_method());
    if (context == NULL) return NULL;
    // This one returns 0 on success.
    SSL_CTX_set_alpn_protos(context, offered, sizeof offered - 1);
    return context;
}

int kg_tls_verify_servers(SSL_CTX *context, const char *path) {
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    if (path == NULL) return SSL_CTX_set_default_verify_paths(context);
    return SSL_CTX_load_verify_locations(context, path, NULL);
}

int kg_tls_connect_to(SSL *ssl, const char *name, int is_address) {
    SSL_set_connect_state(ssl);
    // RFC 6066 §3: addresses are not asked for by name. OpenSSL compares them with those of the certificate.
    if (!is_address && SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, (void *)name) != 1)
        return 0;
    return SSL_set1_host(ssl, name);
}

int kg_tls_use_key(SSL_CTX *context, const char *path) {
    int wanted_passphrase = 0;
    SSL_CTX_set_default_passwd_cb(context, no_passphrase);
    SSL_CTX_set_default_passwd_cb_userdata(context, &wanted_passphrase);
    int result = SSL_CTX_use_PrivateKey_file(context, path, SSL_FILETYPE_PEM);
    SSL_CTX_set_default_passwd_cb_userdata(context, NULL);
    return wanted_passphrase ? -1 : result;
}

int kg_tls_use_client_authority(SSL_CTX *context, const char *path, int required) {
    X509_NAMES *names = SSL_load_client_CA_file(path);
    if (names == NULL) return 0;
    SSL_CTX_set_client_CA_list(context, names);
    if (SSL_CTX_load_verify_locations(context, path, NULL) != 1) return 0;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), NULL);
    // A resumed session carries the certificate of an earlier handshake, which is not looked at again: it may
    // have expired since. So everybody shows it anew.
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(context, 0);
    return 1;
}

// RFC 6066 §3. A certificate that has the name itself goes before one that has it by a wildcard, whatever
// their order. The contexts differ in their certificates only.
static int choose_certificate(SSL *ssl, int *alert, void *argument) {
    static const unsigned int passes[] = {
        X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_WILDCARDS,
        X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS,
    };
    const kg_tls_certificates *certificates = argument;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    (void)alert;
    // To X509_check_host a leading dot means any name below; no host is called that.
    if (name == NULL || name[0] == 0 || name[0] == '.') return SSL_TLSEXT_ERR_NOACK;
    for (size_t pass = 0; pass < 2; pass++) {
        for (size_t index = 0; index < certificates->count; index++) {
            X509 *certificate = SSL_CTX_get0_certificate(certificates->contexts[index]);
            if (X509_check_host(certificate, name, strlen(name), passes[pass], NULL) != 1) continue;
            if (index > 0) SSL_set_SSL_CTX(ssl, certificates->contexts[index]);
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_NOACK;
}

void kg_tls_choose_among(kg_tls_certificates *certificates) {
    SSL_CTX *first = certificates->contexts[0];
    SSL_CTX_callback_ctrl(first, SSL_CTRL_SET_TLSEXT_SERVERNAME_CB, (void (*)(void))choose_certificate);
    SSL_CTX_ctrl(first, SSL_CTRL_SET_TLSEXT_SERVERNAME_ARG, 0, certificates);
}

int kg_tls_validity(const SSL_CTX *context, struct tm *begin, struct tm *end) {
    X509 *certificate = SSL_CTX_get0_certificate(context);
    return certificate != NULL && ASN1_TIME_to_tm(X509_get0_notBefore(certificate), begin) == 1
        && ASN1_TIME_to_tm(X509_get0_notAfter(certificate), end) == 1;
}

int kg_tls_age(const SSL_CTX *context) {
    X509 *certificate = SSL_CTX_get0_certificate(context);
    if (certificate == NULL) return 0;
    if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0) return -1;
    return X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0 ? 1 : 0;
}

long kg_tls_peer_subject(const SSL *ssl, char *text, size_t size) {
    X509 *certificate = SSL_get1_peer_certificate(ssl);
    if (certificate == NULL) return -1;
    long length = -1;
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio != NULL) {
        if (X509_NAME_print_ex(bio, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253) >= 0) {
            length = BIO_ctrl(bio, BIO_CTRL_PENDING, 0, NULL);
            if (length > 0 && size > 0) BIO_read(bio, text, size < 1 << 20 ? (int)size : 1 << 20);
        }
        BIO_free(bio);
    }
    X509_free(certificate);
    return length;
}

const char *kg_tls_take_error(void) {
    unsigned long error = ERR_peek_error();
    const char *words = error == 0 ? NULL : ERR_reason_error_string(error);
    ERR_clear_error();
    return words;
}
