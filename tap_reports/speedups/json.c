/* JSON objects that are all written alike: between two values stands the same text in each of them. */
#include "speedups.h"

static int is_hex(unsigned char character) {
    return (unsigned)(character - '0') < 10 || (unsigned)((character | 0x20) - 'a') < 6;
}

/* Return what is behind a string, whose first quote is at `here`; NULL if there is none, or half a surrogate. */
static const unsigned char *behind_string(const unsigned char *here, const unsigned char *end, int *is_rewritten) {
    for (here++; here < end; here++) {
        if (*here == '"') return here + 1;
        if (*here < 0x20) return NULL;
        if (*here != '\\') continue;
        *is_rewritten = 1;
        if (end - here < 2) return NULL;
        here++;
        if (*here == 'u') {
            if (end - here < 5) return NULL;
            for (int at = 1; at <= 4; at++)
                if (!is_hex(here[at])) return NULL;
            if ((here[1] | 0x20) == 'd' && here[2] > '7') return NULL;
            here += 4;
        } else if (!memchr("\"\\/bfnrt", *here, 8)) {
            return NULL;
        }
    }
    return NULL;
}

static int is_literal(const unsigned char *text, size_t size, const char *literal) {
    return size == strlen(literal) && !memcmp(text, literal, size);
}

static int is_plain_number(const unsigned char *text, size_t size) { /* -0 is 0 in a record */
    return is_number(text, size) && !is_literal(text, size, "-0");
}

/* Tell whether a value that is no string and not null is one of its code. */
static int fits_bare(const unsigned char *text, size_t size, unsigned char code) {
    int is_boolean = is_literal(text, size, "true") || is_literal(text, size, "false");
    switch (code) {
    case SKIPPED: return is_boolean || is_plain_number(text, size);
    case INTEGER: return is_integer(text, size);
    case NUMBER: return is_plain_number(text, size);
    case BOOLEAN: return is_boolean;
    default: return 0;
    }
}

static int fits_string(const unsigned char *text, size_t size, unsigned char code, int takes_local) {
    switch (code) {
    case SKIPPED: return 1;
    case TEXT: /* ="00123" is 00123 */
        return size < 2 || !((text[0] == '=' && text[1] == '\\') || (size > 6 && !memcmp(text, "\\u003", 5)));
    case DAY: return !size || is_day(text, size);
    case INSTANT: return !size || is_instant(text, size, takes_local);
    default: return 0;
    }
}

static int skips(const unsigned char **here, const unsigned char *end, Span text) {
    size_t size = (size_t)(text.end - text.text);
    if ((size_t)(end - *here) < size || memcmp(*here, text.text, size)) return 0;
    *here += size;
    return 1;
}

/* Find one value. Returns 0 if it is not of its code. */
static int takes_value(Cell *cell, const unsigned char *start, const unsigned char **here, const unsigned char *end,
                       unsigned char code, int takes_local) {
    const unsigned char *text = *here;
    size_t size;
    int is_rewritten = 0;
    if (text < end && *text == '"') {
        const unsigned char *behind = behind_string(text++, end, &is_rewritten);
        if (!behind) return 0;
        size = (size_t)(behind - 1 - text);
        *here = behind;
        if (!fits_string(text, size, code, takes_local)) return 0;
    } else {
        const unsigned char *behind = text;
        while (behind < end && (is_hex(*behind) || (*behind && strchr("+-.truefalsn", *behind)))) behind++;
        size = (size_t)(behind - text);
        *here = behind;
        if (is_literal(text, size, "null"))
            size = 0;
        else if (!fits_bare(text, size, code))
            return 0;
    }
    *cell = cell_of(start, text, size, is_rewritten);
    return 1;
}

enum outcome scan_json(Table *table, Span data, const Span *texts, const unsigned char *codes, size_t width,
                       int takes_local) {
    const unsigned char *here = data.text;
    if (!is_utf8(data.text, (size_t)(data.end - data.text))) return REFUSED;
    for (;;) {
        Cell found, *cell = next_row(table);
        if (!cell) return NO_MEMORY;
        for (size_t at = 0; at < width; at++) {
            if (!skips(&here, data.end, texts[at])) return REFUSED;
            if (!takes_value(&found, data.text, &here, data.end, codes[at], takes_local)) return REFUSED;
            if (!codes[at]) continue;
            *cell++ = found;
            if (found.size & REWRITTEN) table->rewritten += found.size & ~REWRITTEN;
        }
        if (!skips(&here, data.end, texts[width])) return REFUSED;
        if (here == data.end) return FOUND;
        if (!skips(&here, data.end, texts[width + 1])) return REFUSED;
    }
}
