/* CSV as RFC 4180 says, in UTF-8: nothing else is taken. */
#include "speedups.h"

enum { PLAIN = 0, ENDS, ESCAPED, BAD };

static void classes(unsigned char *bare, unsigned char *quoted, unsigned char delimiter) {
    memset(bare, PLAIN, 256);
    memset(bare, BAD, 32); /* control characters */
    bare['\t'] = bare['\\'] = ESCAPED;
    memcpy(quoted, bare, 256);
    bare['"'] = BAD;
    bare['\n'] = bare['\r'] = bare[delimiter] = ENDS;
    quoted['\n'] = quoted['\r'] = ESCAPED;
    quoted['"'] = ENDS;
}

static int fits(const unsigned char *text, size_t size, unsigned char code, int takes_local) {
    if (!size) return 1;
    switch (code) {
    case SKIPPED: return 1;
    case TEXT: return size < 2 || text[0] != '=' || text[1] != '"'; /* ="00123" is 00123 */
    case INTEGER: return is_integer(text, size);
    case NUMBER: return is_number(text, size);
    case DAY: return is_day(text, size);
    case INSTANT: return is_instant(text, size, takes_local);
    case MOMENT: return is_moment(text, size);
    case BOOLEAN: return (size == 4 && !memcmp(text, "true", 4)) || (size == 5 && !memcmp(text, "false", 5));
    default: return 0;
    }
}

enum outcome scan_csv(Table *table, Span data, unsigned char delimiter, const unsigned char *codes, size_t width,
                      int takes_local) {
    const unsigned char *here = data.text, *end = data.end;
    unsigned char bare[256], quoted[256];
    classes(bare, quoted, delimiter);
    if (!is_utf8(here, (size_t)(end - here))) return REFUSED;
    while (here < end) {
        Cell *cell = next_row(table);
        if (!cell) return NO_MEMORY;
        for (size_t at = 0; at < width; at++) {
            const unsigned char *text = here;
            int is_rewritten = 0;
            size_t size;
            if (here < end && *here == '"') {
                for (text = ++here;;) {
                    while (here < end && !quoted[*here]) here++;
                    if (here == end || quoted[*here] == BAD) return REFUSED;
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
                    while (here < end && !bare[*here]) here++;
                    if (here == end || bare[*here] != ESCAPED) break;
                }
                size = (size_t)(here - text);
            }
            if (at + 1 < width) {
                if (here == end || *here != delimiter) return REFUSED;
                here++;
            } else {
                if (here < end && *here == '\r') here++;
                if (here < end && *here++ != '\n') return REFUSED;
            }
            if (!fits(text, size, codes[at], takes_local)) return REFUSED;
            if (!codes[at]) continue;
            *cell++ = cell_of(data.text, text, size, is_rewritten);
            if (is_rewritten) table->rewritten += size;
        }
    }
    return FOUND;
}
