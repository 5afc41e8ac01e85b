/* Cells that stand in records as they are, or nearly so: what files/cells.py says, by hand. */
#include "speedups.h"

static int is_digit(unsigned char character) { return (unsigned)(character - '0') < 10; }

static size_t digits(const unsigned char *text, size_t size) {
    size_t count = 0;
    while (count < size && is_digit(text[count])) count++;
    return count;
}

int is_integer(const unsigned char *text, size_t size) {
    if (size == 1 && text[0] == '0') return 1;
    size_t sign = size && text[0] == '-';
    size_t count = size - sign;
    return count >= 1 && count <= 18 && text[sign] != '0' && digits(text + sign, count) == count;
}

int is_number(const unsigned char *text, size_t size) {
    size_t at = size && text[0] == '-';
    size_t whole = digits(text + at, size - at);
    if (!whole || (whole > 1 && text[at] == '0')) return 0;
    at += whole;
    if (at < size && text[at] == '.') {
        size_t fraction = digits(text + at + 1, size - at - 1);
        if (!fraction) return 0;
        at += 1 + fraction;
    }
    if (at < size && (text[at] | 0x20) == 'e') {
        at++;
        at += at < size && (text[at] == '+' || text[at] == '-');
        size_t power = digits(text + at, size - at);
        if (power < 1 || power > 3) return 0;
        at += power;
    }
    return at == size;
}

static int two(const unsigned char *text) { /* -1: no digits */
    return is_digit(text[0]) && is_digit(text[1]) ? (text[0] - '0') * 10 + text[1] - '0' : -1;
}

int is_day(const unsigned char *text, size_t size) {
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (size != 10 || text[4] != '-' || text[7] != '-') return 0;
    int century = two(text), year = two(text + 2), month = two(text + 5), day = two(text + 8);
    if (century < 10 || century > 29 || year < 0 || month < 1 || month > 12 || day < 1) return 0;
    /* A 29 February of 2000 and such is left to the converters, as in the patterns. */
    return day <= lengths[month - 1] || (month == 2 && day == 29 && year % 4 == 0 && year > 0);
}

static int is_time(const unsigned char *text) { /* eight characters */
    int hour = two(text), minute = two(text + 3), second = two(text + 6);
    return text[2] == ':' && text[5] == ':' && hour >= 0 && hour < 24 && minute >= 0 && minute < 60 &&
           second >= 0 && second < 60;
}

static int is_offset(const unsigned char *text) { /* six characters */
    int hour = two(text + 1), minute = two(text + 4);
    if (text[3] != ':' || minute < 0 || minute > 59) return 0;
    if (text[0] == '+' && hour == 0 && minute == 0) return 1;
    return (text[0] == '+' || text[0] == '-') && hour >= 1 && hour < 24;
}

int is_boolean(const unsigned char *text, size_t size) {
    return (size == 4 && !memcmp(text, "true", 4)) || (size == 5 && !memcmp(text, "false", 5));
}

int is_instant(const unsigned char *text, size_t size, int flags) {
    if (size < 19 || (text[10] != 'T' && text[10] != ' ') || !is_day(text, 10) || !is_time(text + 11)) return 0;
    size_t at = 19;
    if (at < size && text[at] == '.') {
        size_t fraction = digits(text + at + 1, size - at - 1);
        if (fraction < 1 || fraction > 9) return 0;
        at += 1 + fraction;
    }
    if (at == size) return flags & TAKES_LOCAL;
    return (size - at == 1 && text[at] == 'Z') || (size - at == 6 && is_offset(text + at));
}

size_t clean_number(unsigned char *out, const unsigned char *text, size_t size, int flags) {
    unsigned char *start = out, separator = flags & DECIMAL_COMMA ? '.' : ',', point = flags & DECIMAL_COMMA ? ',' : '.';
    size_t at = 0, whole;
    if (at < size && text[at] == '-') *out++ = text[at++];
    at += at < size && text[at] == '$';
    whole = digits(text + at, size - at);
    if (!whole || (whole > 1 && text[at] == '0')) return 0;
    if (at + whole < size && text[at + whole] == separator) {
        if (!(flags & TAKES_THOUSANDS) || whole > 3 || text[at] == '0') return 0;
        memcpy(out, text + at, whole);
        out += whole;
        for (at += whole; at < size && text[at] == separator; at += 4, out += 3) {
            if (digits(text + at + 1, size - at - 1) != 3) return 0;
            memcpy(out, text + at + 1, 3);
        }
    } else {
        memcpy(out, text + at, whole);
        out += whole;
        at += whole;
    }
    if (at < size && text[at] == point) {
        size_t fraction = digits(text + at + 1, size - at - 1);
        if (!fraction) return 0;
        *out = '.';
        memcpy(out + 1, text + at + 1, fraction);
        out += fraction + 1;
        at += fraction + 1;
    }
    at += at < size && text[at] == '%';
    return at == size ? (size_t)(out - start) : 0;
}

int is_utf8(const unsigned char *text, size_t size) {
    const unsigned char *end = text + size;
    while (text < end) {
        uint64_t eight;
        while (end - text >= 8 && (memcpy(&eight, text, 8), !(eight & UINT64_C(0x8080808080808080)))) text += 8;
        if (text == end) break;
        unsigned char lead = *text;
        if (lead < 0x80) {
            text++;
            continue;
        }
        int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
        if (lead < 0xc2 || lead > 0xf4 || end - text <= more) return 0;
        /* No overlong forms, no halves of surrogate pairs, nothing beyond U+10FFFF. */
        unsigned char least = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
        unsigned char most = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
        if (text[1] < least || text[1] > most) return 0;
        for (int at = 2; at <= more; at++)
            if ((text[at] & 0xc0) != 0x80) return 0;
        text += 1 + more;
    }
    return 1;
}
