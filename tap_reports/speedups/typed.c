/* Texts that are values of their kind -> the values as columns have them. */
#include "speedups.h"

enum { AT_ONCE = 18 }; /* digits that are read at once */

static Wide product(uint64_t left, uint64_t right) {
    uint64_t low = (left & 0xffffffff) * (right & 0xffffffff);
    uint64_t one = (left >> 32) * (right & 0xffffffff), two = (left & 0xffffffff) * (right >> 32);
    uint64_t middle = (low >> 32) + (one & 0xffffffff) + (two & 0xffffffff);
    return (Wide){middle << 32 | (low & 0xffffffff),
                  (left >> 32) * (right >> 32) + (one >> 32) + (two >> 32) + (middle >> 32)};
}

/* Multiply by a power of ten and add; 38 digits never overflow. */
static Wide times_plus(Wide value, int power, uint64_t more) {
    static const uint64_t powers[] = {
        UINT64_C(1), UINT64_C(10), UINT64_C(100), UINT64_C(1000), UINT64_C(10000), UINT64_C(100000), UINT64_C(1000000),
        UINT64_C(10000000), UINT64_C(100000000), UINT64_C(1000000000), UINT64_C(10000000000), UINT64_C(100000000000),
        UINT64_C(1000000000000), UINT64_C(10000000000000), UINT64_C(100000000000000), UINT64_C(1000000000000000),
        UINT64_C(10000000000000000), UINT64_C(100000000000000000), UINT64_C(1000000000000000000)};
    for (; power > AT_ONCE; power -= AT_ONCE) {
        Wide more_digits = product(value.low, powers[AT_ONCE]);
        value = (Wide){more_digits.low, more_digits.high + value.high * powers[AT_ONCE]};
    }
    Wide found = product(value.low, powers[power]);
    found.high += value.high * powers[power];
    found.low += more;
    found.high += found.low < more;
    return found;
}

/* Return the value of so many digits, 19 at most. */
static uint64_t digits_of(const unsigned char *text, size_t count) {
    uint64_t value = 0;
    for (; count >= 8; text += 8, count -= 8) { /* neighbours are joined: 8 digits, 4 pairs, 2 fours, one number */
        uint64_t eight;
        memcpy(&eight, text, 8);
        eight = (eight & UINT64_C(0x0f0f0f0f0f0f0f0f)) * 2561 >> 8;
        eight = (eight & UINT64_C(0x00ff00ff00ff00ff)) * 6553601 >> 16;
        value = value * 100000000 + ((eight & UINT64_C(0x0000ffff0000ffff)) * UINT64_C(42949672960001) >> 32);
    }
    for (; count; text++, count--) value = value * 10 + (uint64_t)(*text - '0');
    return value;
}

static Wide with_digits(Wide value, const unsigned char *text, size_t count) {
    for (; count > AT_ONCE; text += AT_ONCE, count -= AT_ONCE) value = times_plus(value, AT_ONCE, digits_of(text, AT_ONCE));
    uint64_t digits = digits_of(text, count);
    return value.low || value.high ? times_plus(value, (int)count, digits) : (Wide){digits, 0};
}

static int two(const unsigned char *text) { return (text[0] - '0') * 10 + text[1] - '0'; }

int32_t day_of(const unsigned char *text) {
    int year = two(text) * 100 + two(text + 2), month = two(text + 5), day = two(text + 8);
    year -= month <= 2;
    int of_era = year % 400;
    int of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return year / 400 * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int minutes_of(const unsigned char *text) { /* of an offset: `-05:30` */
    int minutes = two(text + 1) * 60 + two(text + 4);
    return text[0] == '-' ? -minutes : minutes;
}

int moment(const unsigned char *text, size_t size, Span zone, int64_t *value) {
    int64_t seconds = (two(text + 11) * 60 + two(text + 14)) * 60 + two(text + 17), micros = 0;
    size_t at = 19, digits = 0;
    if (at < size && text[at] == '.') {
        for (at++; at < size && (unsigned)(text[at] - '0') < 10; at++, digits++) {
            if (digits >= 6 && text[at] != '0') return 0;
            if (digits < 6) micros = micros * 10 + text[at] - '0';
        }
        for (; digits < 6; digits++) micros *= 10;
    }
    if (at == size)
        seconds -= zone.end - zone.text == OFFSET ? minutes_of(zone.text) * 60 : 0;
    else if (text[at] != 'Z')
        seconds -= minutes_of(text + at) * 60;
    *value = (day_of(text) * INT64_C(86400) + seconds) * 1000000 + micros;
    return 1;
}

int integer(const unsigned char *text, size_t size, int64_t *value) {
    size_t is_negative = text[0] == '-';
    if (size - is_negative > 19) return 0;
    uint64_t digits = digits_of(text + is_negative, size - is_negative);
    if (digits > (uint64_t)INT64_MAX + is_negative) return 0;
    *value = (int64_t)(is_negative ? ~digits + 1 : digits);
    return 1;
}

int decimal(const unsigned char *here, const unsigned char *end, Column *column, size_t row) {
    Wide *values = (Wide *)column->buffers[1];
    int is_negative = *here == '-', power = 0;
    for (here += is_negative; here < end && *here == '0';) here++;
    const unsigned char *whole = here;
    while (here < end && (unsigned)(*here - '0') < 10) here++;
    const unsigned char *fraction = here;
    int before = (int)(here - whole), behind = 0, zeros = 0; /* those that the fraction begins with */
    if (here < end && *here == '.') {
        for (fraction = ++here; here < end && (unsigned)(*here - '0') < 10;) here++;
        behind = (int)(here - fraction);
        if (!before)
            while (zeros < behind && fraction[zeros] == '0') zeros++;
    }
    if (here < end) { /* the exponent, of three digits at most */
        int is_small = here[1] == '-';
        for (here += 1 + (is_small || here[1] == '+'); here < end; here++) power = power * 10 + *here - '0';
        power = is_small ? -power : power;
    }
    int digits = before + power - zeros;
    if ((before || zeros < behind) && digits > column->whole) column->whole = digits;
    int more = behind - power - column->scale;
    if (more > 0) column->scale += more;
    if (column->whole + column->scale > PRECISION) return 0;
    for (size_t at = 0; more > 0 && at < row; at++) values[at] = times_plus(values[at], more, 0);
    Wide value = with_digits(with_digits((Wide){0, 0}, whole, (size_t)before), fraction, (size_t)behind);
    if (more < 0 && (value.low || value.high)) value = times_plus(value, -more, 0);
    if (is_negative) {
        value.low = ~value.low + 1;
        value.high = ~value.high + !value.low;
    }
    values[row] = value;
    return 1;
}
