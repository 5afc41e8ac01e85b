/* CSV as RFC 4180 says, in UTF-8: nothing else is taken. */
#include "speedups.h"
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* What a character of a cell is. */
enum { PLAIN = 0, ENDS, ESCAPED, BAD };

typedef struct {
    unsigned char kind[256];
    unsigned char mark; /* the one character above the control characters, beside quote and backslash, that is not plain */
} Alphabet;

static void classes(Alphabet *bare, Alphabet *quoted, unsigned char delimiter) {
    memset(bare->kind, PLAIN, 256);
    memset(bare->kind, ESCAPED, 32); /* control characters */
    bare->kind['\\'] = ESCAPED;
    bare->kind[0] = BAD;
    memcpy(quoted->kind, bare->kind, 256);
    bare->kind['"'] = BAD;
    bare->kind['\n'] = bare->kind['\r'] = bare->kind[delimiter] = ENDS;
    quoted->kind['"'] = ENDS;
    bare->mark = delimiter;
    quoted->mark = '"';
}

/* Return where the plain characters end. */
static inline const unsigned char *behind_plain(const unsigned char *here, const unsigned char *end, const Alphabet *alphabet) {
#if defined(__SSE2__)
    const __m128i mark = _mm_set1_epi8((char)alphabet->mark), quote = _mm_set1_epi8('"');
    const __m128i backslash = _mm_set1_epi8('\\'), control = _mm_set1_epi8(0x1f);
    for (; end - here >= 16; here += 16) {
        __m128i text = _mm_loadu_si128((const __m128i *)here);
        __m128i found = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(text, mark), _mm_cmpeq_epi8(text, quote)),
                                     _mm_or_si128(_mm_cmpeq_epi8(text, backslash),
                                                  _mm_cmpeq_epi8(_mm_min_epu8(text, control), text)));
        int bits = _mm_movemask_epi8(found);
        if (bits) return here + __builtin_ctz((unsigned)bits);
    }
#endif
    while (here < end && !alphabet->kind[*here]) here++;
    return here;
}

/* Set a wanted cell to the number behind a workbook's mark. Returns 0 for an error cell, and where Python is to read it. */
static int take_marked(Cell *cell, unsigned char code, const unsigned char *text, size_t size) {
    enum { MARK = 3, OF_NUMBER = 0xbe };
    if (text[2] != OF_NUMBER) return 0;
    code &= (unsigned char)~BY_PYTHON; /* that is about texts */
    cell->begin += MARK;
    cell->size -= MARK;
    text += MARK;
    size -= MARK;
    return code == TEXT || (code == NUMBER && is_number(text, size)) || (code == INTEGER && is_integer(text, size));
}

/* Set a wanted cell to its text. Returns 0 where there is no memory. */
static int set_cell(Table *table, Cell *cell, size_t at, unsigned char code, const unsigned char *start,
                    const unsigned char *text, size_t size, int is_rewritten, int flags) {
    *cell = (Cell){(uint32_t)(text - start), (uint32_t)size | (is_rewritten ? REWRITTEN : 0)};
    if (!size) return 1;
    int taken = 0;
    if (flags & IS_MARKED && size >= 3 && text[0] == 0xef && text[1] == 0xbf && text[2] >= 0xbe)
        taken = take_marked(cell, code, text, size);
    else if (code == TEXT)
        taken = size < 3 || text[0] != '=' || text[1] != '"'; /* a guard against spreadsheets is for Python */
    else if (!is_rewritten)
        taken = set_plain(table, cell, code, text, size, flags);
    if (!taken) refuse(table, cell, at, text, size, is_rewritten);
    return taken >= 0;
}

enum outcome scan_csv(Table *table, Span data, unsigned char delimiter, const unsigned char *codes, size_t width,
                      size_t header_at, Span header, int flags) {
    const unsigned char *here = data.text, *end = data.end;
    Alphabet bare, quoted;
    classes(&bare, &quoted, delimiter);
    if (!is_utf8(here, (size_t)(end - here))) return MALFORMED;
    while (here < end) {
        Cell *cell = next_row(table);
        if (!cell) return NO_MEMORY;
        size_t wanted = 0, filled = 0;
        for (size_t at = 0; at < width; at++) {
            const unsigned char *text = here;
            int is_rewritten = 0;
            size_t size;
            if (here < end && *here == '"') {
                for (text = ++here;;) {
                    here = behind_plain(here, end, &quoted);
                    if (here == end || quoted.kind[*here] == BAD) return MALFORMED;
                    if (*here == '"') {
                        if (end - here < 2 || here[1] != '"') break;
                        here++;
                    }
                    is_rewritten = 1;
                    here++;
                }
                size = (size_t)(here++ - text);
            } else {
                for (;; here++, is_rewritten = 1) {
                    here = behind_plain(here, end, &bare);
                    if (here == end || bare.kind[*here] != ESCAPED) break;
                }
                size = (size_t)(here - text);
            }
            if (at + 1 < width) {
                if (here == end || *here != delimiter) return MALFORMED;
                here++;
            } else {
                if (here < end && *here == '\r') here++;
                if (here < end && *here++ != '\n') return MALFORMED;
            }
            /* The header again, it seems: Python will see. */
            if (at == header_at && size == (size_t)(header.end - header.text) && !memcmp(text, header.text, size)) return MALFORMED;
            filled |= size;
            if (!codes[at]) continue;
            if (!set_cell(table, cell + wanted, wanted, codes[at], data.text, text, size, is_rewritten, flags)) return NO_MEMORY;
            wanted++;
        }
        if (!filled) table->rows--; /* no cell has a value: a blank line */
    }
    return FOUND;
}
