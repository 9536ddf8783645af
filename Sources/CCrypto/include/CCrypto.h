// The few functions of OpenSSL 3's libcrypto that Keygate calls, declared by hand: the library comes with
// libcurl, its development headers do not, and nothing else of it is needed. Prototypes as in the OpenSSL
// 3.0 manual pages SHA256_Init(3) and CRYPTO_memcmp(3).
//
// The one-shot SHA256() of OpenSSL 3 looks its algorithm up by name on every call; the Init/Update/Final
// form does not, and is several times faster for the length of an API key.
#ifndef KEYGATE_CCRYPTO_H
#define KEYGATE_CCRYPTO_H

#include <stddef.h>
#include <stdint.h>

// SHA256_CTX of <openssl/sha.h>: eight 32-bit words of state, a 64-bit length in two, sixteen words of
// data, two counters: 112 bytes. The struct here is larger on purpose; only OpenSSL looks inside.
typedef struct { _Alignas(16) unsigned char opaque[128]; } kg_sha256_ctx;
_Static_assert(sizeof(kg_sha256_ctx) >= 112, "SHA256_CTX does not fit");

int SHA256_Init(kg_sha256_ctx *ctx);
int SHA256_Update(kg_sha256_ctx *ctx, const void *data, size_t length);
int SHA256_Final(unsigned char *digest, kg_sha256_ctx *ctx);

// SHA1(3): for the handshake of WebSocket, which asks for it; nothing of ours is kept safe by it. Returns digest, or
// NULL where the library has been told to do without it.
unsigned char *SHA1(const unsigned char *data, size_t length, unsigned char *digest);

// Compares in time that depends on the length only. 0 when equal.
int CRYPTO_memcmp(const void *a, const void *b, size_t length);

// Writes the 32 bytes of SHA-256(data) to digest. Returns 1 on success.
static inline int kg_sha256(const void *data, size_t length, unsigned char *digest) {
    kg_sha256_ctx ctx;
    return SHA256_Init(&ctx) && SHA256_Update(&ctx, data, length) && SHA256_Final(digest, &ctx);
}

#endif
