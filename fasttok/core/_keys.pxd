"""Keys of pretokens; see _keys.h."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t


cdef extern from "_keys.h" nogil:
    ctypedef struct Key "ft_key":
        uint64_t low
        uint64_t high

    enum:
        LONG "FT_LONG"

    uint32_t load4 "ft_load4"(const uint8_t* p)
    uint64_t load8 "ft_load8"(const uint8_t* p)
    Key make_key "ft_make_key"(const uint8_t* text, size_t start, size_t length, size_t text_length)
    uint64_t hash_key "ft_hash_key"(Key key)
    void* calloc_table "ft_calloc_table"(size_t n_bytes, void** block)
    void use_large_pages "ft_use_large_pages"(void* start, size_t n_bytes)
    void FT_PREFETCH(const void* p)
    int ctz "ft_ctz"(uint64_t x)
    int highest_bit "ft_highest_bit"(uint64_t x)
