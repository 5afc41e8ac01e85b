/* Cells -> typed columns. */
#include "speedups.h"

enum { AT_ONCE = 18 }; /* digits that are read at once */
enum { STRIPE = 128 }; /* rows that stay in the processor's cache while column after column is made */

typedef struct {
    uint64_t low, high; /* as a decimal lies in memory of this order of bytes */
} Wide;

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

/* Return what is behind the digits of a number, which are added to `value`; leading zeros do not count. */
static const unsigned char *take_digits(const unsigned char *here, const unsigned char *end, Wide *value, int *count) {
    while (here < end && (unsigned)(*here - '0') < 10) {
        uint64_t digits = 0;
        int taken = 0;
        for (; taken < AT_ONCE && here < end && (unsigned)(*here - '0') < 10; here++, taken++) {
            digits = digits * 10 + (uint64_t)(*here - '0');
            *count += *count || digits;
        }
        if (*count > PRECISION) return NULL;
        *value = value->low || value->high ? times_plus(*value, taken, digits) : (Wide){digits, 0};
    }
    return here;
}

/* Set the value of a JSON number of so many digits behind the point. Returns 0 if it has more, or too many. */
static int decimal(const unsigned char *here, const unsigned char *end, int scale, Wide *value) {
    int is_negative = *here == '-', count = 0, power = 0, behind = 0;
    *value = (Wide){0, 0};
    here = take_digits(here + is_negative, end, value, &count);
    if (here && here < end && *here == '.') {
        const unsigned char *point = here;
        here = take_digits(here + 1, end, value, &count);
        behind = here ? (int)(here - point - 1) : 0;
    }
    if (!here) return 0;
    if (here < end) { /* the exponent, of three digits at most */
        int is_small = here[1] == '-';
        for (here += 1 + (is_small || here[1] == '+'); here < end; here++) power = power * 10 + *here - '0';
        power = is_small ? -power : power;
    }
    int zeros = scale - behind + power;
    if (zeros < 0 || (count && count + zeros > PRECISION)) return 0;
    if (zeros && count) *value = times_plus(*value, zeros, 0);
    if (is_negative) {
        value->low = ~value->low + 1;
        value->high = ~value->high + !value->low;
    }
    return 1;
}

static int64_t number_of(const unsigned char *here, size_t size) {
    int64_t value = 0;
    int is_negative = *here == '-';
    for (size_t at = (size_t)is_negative; at < size; at++) value = value * 10 + here[at] - '0';
    return is_negative ? -value : value;
}

static int32_t day_of(const unsigned char *text) { /* days since 1970-01-01, by the calendar */
    int64_t year = number_of(text, 4), month = number_of(text + 5, 2), day = number_of(text + 8, 2);
    year -= month <= 2;
    int64_t of_era = year % 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return (int32_t)(year / 400 * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468);
}

static int64_t moment_of(const unsigned char *text) { /* microseconds since 1970-01-01 in UTC */
    int64_t seconds = (number_of(text + 11, 2) * 60 + number_of(text + 14, 2)) * 60 + number_of(text + 17, 2);
    return (day_of(text) * INT64_C(86400) + seconds) * 1000000;
}

/* Copy a CSV cell's text, where doubled quotes are one; at least as many bytes as the cell has may be written. */
static size_t copy_text(char *out, const unsigned char *text, size_t size, int is_rewritten) {
    if (!is_rewritten) {
        memcpy(out, text, size);
        return size;
    }
    char *start = out;
    for (size_t at = 0; at < size; at++) {
        *out++ = (char)text[at];
        at += text[at] == '"';
    }
    return (size_t)(out - start);
}

static size_t width_of(unsigned code) {
    return code == DAY ? sizeof(int32_t) : code == NUMBER ? sizeof(Wide) : sizeof(int64_t);
}

static int make_room(const Table *table, Field field, size_t texts, Column *column) {
    column->buffers[0] = calloc(1, table->rows / 8 + 1);
    column->buffers[1] = calloc(table->rows + 1, width_of(field.code));
    column->buffers[2] = field.code == TEXT ? malloc(texts + 1) : NULL;
    return column->buffers[0] && column->buffers[1] && (column->buffers[2] || field.code != TEXT);
}

/* Set one cell's value. Returns 0 if it is a number that does not fit. */
static int fill_value(const unsigned char *text, Cell cell, unsigned code, int scale, Column *column, size_t row) {
    size_t size = cell.size & ~REWRITTEN;
    void *values = (void *)column->buffers[1];
    if (code == TEXT) {
        int64_t *ends = (int64_t *)values + row;
        ends[1] = ends[0] + (int64_t)copy_text((char *)column->buffers[2] + ends[0], text, size, cell.size != size);
    }
    if (!size) {
        column->null_count++;
        return 1;
    }
    ((unsigned char *)column->buffers[0])[row / 8] |= (unsigned char)(1 << row % 8);
    switch (code) {
    case INTEGER: ((int64_t *)values)[row] = number_of(text, size); return 1;
    case DAY: ((int32_t *)values)[row] = day_of(text); return 1;
    case MOMENT: ((int64_t *)values)[row] = moment_of(text); return 1;
    case NUMBER: return decimal(text, text + size, scale, (Wide *)values + row);
    default: return 1;
    }
}

static enum outcome fill(const Table *table, Span data, const Field *fields, const unsigned char *scales, size_t *sizes,
                         Column *columns, size_t count) {
    const Cell *cells = table->cells;
    for (size_t row = 0; row < table->rows; row++, cells += table->wanted)
        for (size_t at = 0; at < table->wanted; at++) sizes[at] += cells[at].size & ~REWRITTEN;
    for (size_t at = 0; at < count; at++)
        if (!make_room(table, fields[at], sizes[fields[at].at], &columns[at])) return NO_MEMORY;
    for (size_t first = 0; first < table->rows; first += STRIPE) {
        size_t end = table->rows - first < STRIPE ? table->rows : first + STRIPE;
        for (size_t at = 0; at < count; at++) {
            const Cell *cell = table->cells + first * table->wanted + fields[at].at;
            for (size_t row = first; row < end; row++, cell += table->wanted)
                if (!fill_value(data.text + cell->begin, *cell, fields[at].code, scales[at], &columns[at], row))
                    return REFUSED;
        }
    }
    return FOUND;
}

PyObject *columns(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *capsule;
    const char *bytes, *scales;
    Py_ssize_t size, scales_size;
    if (!PyArg_ParseTuple(args, "Oy#y#", &capsule, &bytes, &size, &scales, &scales_size)) return NULL;
    Table *table = table_of(capsule);
    const Field *fields = table ? fields_of(table, bytes, size) : NULL;
    if (!fields) return NULL;
    size_t count = (size_t)size / sizeof(Field);
    int is_right = !table->is_json && (size_t)scales_size == count;
    for (size_t at = 0; at < count; at++) {
        unsigned code = fields[at].code;
        is_right &= (code == TEXT || code == INTEGER || code == NUMBER || code == DAY || code == MOMENT) &&
                    (unsigned char)scales[at] <= PRECISION;
    }
    if (!is_right) return PyErr_Format(PyExc_ValueError, "fields that can't be columns");
    Column *made = calloc(count + 1, sizeof(Column));
    size_t *sizes = calloc(table->wanted + 1, sizeof(size_t));
    PyObject *found = NULL;
    enum outcome outcome = NO_MEMORY;
    if (made && sizes) {
        Span data = span_of(table->data);
        Py_BEGIN_ALLOW_THREADS;
        outcome = fill(table, data, fields, (const unsigned char *)scales, sizes, made, count);
        Py_END_ALLOW_THREADS;
    }
    if (outcome == FOUND)
        found = capsules(table, fields, (const unsigned char *)scales, made, count);
    else if (outcome == NO_MEMORY)
        PyErr_NoMemory();
    else
        found = Py_NewRef(Py_None);
    free_columns(made, count);
    free(sizes);
    return found;
}
