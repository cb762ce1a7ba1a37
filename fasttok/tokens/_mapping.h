/* Map files side by side into one range of addresses, read-only. Systems without mmap report ENOSYS. */

#ifndef FASTTOK_MAPPING_H
#define FASTTOK_MAPPING_H

#include <errno.h>
#include <stddef.h>

#if defined(_WIN32)

static void* fasttok_reserve(size_t n_bytes) {
    (void)n_bytes;
    errno = ENOSYS;
    return NULL;
}

static int fasttok_map(void* address, size_t n_bytes, int descriptor) {
    (void)address, (void)n_bytes, (void)descriptor;
    errno = ENOSYS;
    return -1;
}

static void fasttok_unmap(void* address, size_t n_bytes) { (void)address, (void)n_bytes; }

#else

#include <sys/mman.h>

#if !defined(MAP_NORESERVE)
#define MAP_NORESERVE 0
#endif
#if !defined(MAP_ANONYMOUS)
#define MAP_ANONYMOUS MAP_ANON
#endif

/* Return the start of a free range of addresses without access, or NULL. */
static void* fasttok_reserve(size_t n_bytes) {
    void* address = mmap(NULL, n_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return address == MAP_FAILED ? NULL : address;
}

/* Map the start of an open file to an address in a reserved range. Return -1 after an error. */
static int fasttok_map(void* address, size_t n_bytes, int descriptor) {
    void* found = mmap(address, n_bytes, PROT_READ, MAP_SHARED | MAP_FIXED, descriptor, 0);
    return found == MAP_FAILED ? -1 : 0;
}

static void fasttok_unmap(void* address, size_t n_bytes) { munmap(address, n_bytes); }

#endif

#endif
