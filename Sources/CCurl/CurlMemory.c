// libcurl's memory. For every transfer it takes some eighty small pieces and one of 16 KiB, and gives them all
// back at its end, to be taken again for the next. The general allocator has to sort such pieces in, split and
// merge them; here each size has a list of free pieces, and every loop has lists of its own.
//
// Only threads that asked for lists have some, for only they give them back. Others, such as the threads in
// which libcurl looks names up, take memory from libc and give it back to libc; a piece may go from one to the
// other. A piece that is given back twice ends the process.

#include "CCurl.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define KG_SANITIZED 1
#endif
#endif

// In front of every piece, as long as the alignment that malloc promises.
struct head {
    uint32_t class, state;
    size_t bytes; // of a piece that has no class
};
_Static_assert(sizeof(struct head) == 16, "pieces would not be aligned");
enum { USED = 0x5573E4u, FREE = 0xF4EEu };

// Classes 0...7 are 64, 128 … 8,192 bytes with their heads; the last is for the buffer of a transfer.
enum { CLASSES = 9, NO_CLASS = CLASSES, LARGEST_DOUBLED = 8192 - sizeof(struct head), LARGEST = 16384 + 64 };

struct piece {
    struct head head;
    struct piece *next; // while it is free
};

struct lists {
    struct piece *first[CLASSES];
    uint32_t count[CLASSES];
    uint32_t users;
};
static __thread struct lists lists;

static uint32_t class_for(size_t bytes) {
    if (bytes <= 64 - sizeof(struct head)) return 0;
    if (bytes <= LARGEST_DOUBLED) return 64 - (uint32_t)__builtin_clzll((bytes + sizeof(struct head) - 1) >> 6);
    return bytes <= LARGEST ? CLASSES - 1 : NO_CLASS;
}

static size_t bytes_of(uint32_t class) {
    return class == CLASSES - 1 ? LARGEST : ((size_t)64 << class) - sizeof(struct head);
}

// At most so many free pieces of a size are kept: a quarter of a megabyte of the small ones, two of the last.
static const uint32_t kept[CLASSES] = {4096, 2048, 1024, 512, 256, 128, 64, 32, 128};

static struct piece *piece_of(void *memory) { return (struct piece *)((char *)memory - sizeof(struct head)); }
static void *memory_of(struct piece *piece) { return (char *)piece + sizeof(struct head); }

void *kg_memory_take(size_t bytes) {
    uint32_t class = class_for(bytes);
    struct piece *piece;
    if (class != NO_CLASS && (piece = lists.first[class])) {
        lists.first[class] = piece->next;
        lists.count[class]--;
    } else {
        if (class != NO_CLASS) bytes = bytes_of(class);
        if (bytes > SIZE_MAX - sizeof(struct head) || !(piece = malloc(sizeof(struct head) + bytes))) return NULL;
        piece->head.class = class;
        piece->head.bytes = bytes;
    }
    piece->head.state = USED;
    return memory_of(piece);
}

void kg_memory_give(void *memory) {
    if (!memory) return;
    struct piece *piece = piece_of(memory);
    if (piece->head.state != USED) abort();
    piece->head.state = FREE;
    uint32_t class = piece->head.class;
    if (class == NO_CLASS || !lists.users || lists.count[class] >= kept[class]) {
        free(piece);
        return;
    }
    piece->next = lists.first[class];
    lists.first[class] = piece;
    lists.count[class]++;
}

void *kg_memory_change(void *memory, size_t bytes) {
    if (!memory) return kg_memory_take(bytes);
    struct piece *piece = piece_of(memory);
    if (piece->head.state != USED) abort();
    size_t old = piece->head.bytes;
    if (bytes <= old && piece->head.class != NO_CLASS) return memory;
    if (piece->head.class == NO_CLASS && class_for(bytes) == NO_CLASS) {
        if (bytes > SIZE_MAX - sizeof(struct head)) return NULL;
        struct piece *moved = realloc(piece, sizeof(struct head) + bytes);
        if (!moved) return NULL;
        moved->head.bytes = bytes;
        return memory_of(moved);
    }
    void *fresh = kg_memory_take(bytes);
    if (!fresh) return NULL;
    memcpy(fresh, memory, old < bytes ? old : bytes);
    kg_memory_give(memory);
    return fresh;
}

void *kg_memory_take_zeroed(size_t count, size_t bytes) {
    size_t total;
    if (__builtin_mul_overflow(count, bytes, &total)) return NULL;
    void *memory = kg_memory_take(total);
    return memory ? memset(memory, 0, total) : NULL;
}

char *kg_memory_duplicate(const char *text) {
    size_t bytes = strlen(text) + 1;
    char *copy = kg_memory_take(bytes);
    return copy ? memcpy(copy, text, bytes) : NULL;
}

CURLcode kg_global_init(void) {
#ifdef KG_SANITIZED
    return curl_global_init(CURL_GLOBAL_DEFAULT);
#else
    return curl_global_init_mem(
        CURL_GLOBAL_DEFAULT, kg_memory_take, kg_memory_give, kg_memory_change, kg_memory_duplicate,
        kg_memory_take_zeroed);
#endif
}

void kg_memory_lists_begin(void) { lists.users++; }

void kg_memory_lists_end(void) {
    if (--lists.users) return;
    for (uint32_t class = 0; class < CLASSES; class++) {
        for (struct piece *piece = lists.first[class], *next; piece; piece = next) {
            next = piece->next;
            free(piece);
        }
        lists.first[class] = NULL;
        lists.count[class] = 0;
    }
}
