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

/* Set the value of a JSON number of so many digits behind the point; 0: it has more, or too many. */
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
    int64_t value = 0; /* below zero, where there is one number more */
    int is_negative = *here == '-';
    for (size_t at = (size_t)is_negative; at < size; at++) value = value * 10 - (here[at] - '0');
    return is_negative ? value : -value;
}

static int32_t day_of(const unsigned char *text) { /* days since 1970-01-01, by the calendar */
    int64_t year = number_of(text, 4), month = number_of(text + 5, 2), day = number_of(text + 8, 2);
    year -= month <= 2;
    int64_t of_era = year % 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return (int32_t)(year / 400 * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468);
}

static int64_t minutes_of(const unsigned char *text) { /* of an offset: `-05:30` */
    int64_t minutes = number_of(text + 1, 2) * 60 + number_of(text + 4, 2);
    return text[0] == '-' ? -minutes : minutes;
}

/* Set microseconds since 1970-01-01 in UTC; 0: the instant has a finer fraction. */
static int moment(const unsigned char *text, size_t size, Span zone, int64_t *value) {
    int64_t seconds = (number_of(text + 11, 2) * 60 + number_of(text + 14, 2)) * 60 + number_of(text + 17, 2), micros = 0;
    size_t at = 19, digits = 0;
    if (at < size && text[at] == '.') {
        for (at++; at < size && (unsigned)(text[at] - '0') < 10; at++, digits++) {
            if (digits >= 6 && text[at] != '0') return 0;
            if (digits < 6) micros = micros * 10 + text[at] - '0';
        }
        for (; digits < 6; digits++) micros *= 10;
    }
    if (at == size)
        seconds -= zone.end - zone.text == 6 ? minutes_of(zone.text) * 60 : 0;
    else if (text[at] != 'Z')
        seconds -= minutes_of(text + at) * 60;
    *value = (day_of(text) * INT64_C(86400) + seconds) * 1000000 + micros;
    return 1;
}

/* Tell whether an integer has 64 bits. */
static int is_small(const unsigned char *text, size_t size) {
    size_t sign = text[0] == '-';
    if (size - sign != 19) return size - sign < 19;
    return memcmp(text + sign, sign ? "9223372036854775808" : "9223372036854775807", 19) <= 0;
}

/* Widen the digits before and behind the point to those of a JSON number. */
static void measure(const unsigned char *here, const unsigned char *end, int *whole, int *scale) {
    int before = 0, behind = 0, power = 0, is_small_power;
    here += *here == '-';
    for (; here < end && (unsigned)(*here - '0') < 10; here++) before += before || *here != '0';
    if (here < end && *here == '.')
        for (here++; here < end && (unsigned)(*here - '0') < 10; here++) behind++;
    if (here < end) {
        is_small_power = here[1] == '-';
        for (here += 1 + (is_small_power || here[1] == '+'); here < end; here++) power = power * 10 + *here - '0';
        power = is_small_power ? -power : power;
    }
    if (before + power > *whole) *whole = before + power;
    if (behind - power > *scale) *scale = behind - power;
}

/* Copy the text of a cell; as many bytes as the cell has may be written. */
static size_t copy_text(unsigned char *out, const Table *table, const unsigned char *text, Cell cell) {
    size_t size = cell.size & SIZE_BITS;
    unsigned char *start = out;
    if (!(cell.size & REWRITTEN) || cell.size & EXTRA) {
        memcpy(out, text, size);
        return size;
    }
    if (table->is_json) return (size_t)(put_json_text(out, text, text + size, 0) - start);
    for (size_t at = 0; at < size; at++) {
        *out++ = text[at];
        at += text[at] == '"'; /* they come in pairs */
    }
    return (size_t)(out - start);
}

static size_t width_of(unsigned code) {
    return code == DAY || code == TEXT ? sizeof(int32_t) : code == NUMBER ? sizeof(Wide) : sizeof(int64_t);
}

typedef struct {
    const Table *table;
    Span data, zone;
    const Field *fields;
    size_t count;
    int64_t row;
} Job;

/* Find out what a column's values are, and make room for them. Returns 0: no memory. */
static int plan(const Job *job, size_t at, Column *column) {
    enum { OFFSET = 8 };
    const Table *table = job->table;
    Field field = job->fields[at];
    const Cell *cell = field.code == ROW ? NULL : table->cells + field.at;
    size_t texts = 0;
    int whole = 0, scale = 0, fits = 1;
    int64_t ignored;
    for (size_t row = 0; cell && row < table->rows; row++, cell += table->wanted) {
        size_t size = cell->size & SIZE_BITS;
        const unsigned char *text = text_of(table, job->data, *cell);
        texts += size + (field.code == INSTANT ? OFFSET : 0);
        if (!size || !fits) continue;
        if (field.code == NUMBER)
            measure(text, text + size, &whole, &scale);
        else if (field.code == INTEGER)
            fits = is_small(text, size);
        else if (field.code == INSTANT)
            fits = moment(text, size, job->zone, &ignored);
        fits &= whole + scale <= PRECISION;
    }
    column->code = (unsigned char)(field.code == ROW ? INTEGER : fits ? field.code : TEXT);
    column->scale = (unsigned char)(fits ? scale : 0);
    if (texts > INT32_MAX) return 0;
    column->buffers[0] = calloc(1, table->rows / 8 + 1);
    column->buffers[1] = calloc(table->rows + 1, width_of(column->code));
    column->buffers[2] = column->code == TEXT ? malloc(texts + 1) : NULL;
    return column->buffers[0] && column->buffers[1] && (column->buffers[2] || column->code != TEXT);
}

static void set_value(const Job *job, Cell cell, unsigned code, Column *column, size_t row) {
    size_t size = cell.size & SIZE_BITS;
    const unsigned char *text = text_of(job->table, job->data, cell);
    void *values = (void *)column->buffers[1];
    if (column->code == TEXT) {
        int32_t *ends = (int32_t *)values + row;
        unsigned char *out = (unsigned char *)column->buffers[2] + ends[0];
        if (code == INSTANT && size)
            ends[1] = ends[0] + (int32_t)(put_instant(out, text, size, job->zone, 0) - out);
        else
            ends[1] = ends[0] + (int32_t)copy_text(out, job->table, text, cell);
    }
    if (!size) {
        column->null_count++;
        return;
    }
    ((unsigned char *)column->buffers[0])[row / 8] |= (unsigned char)(1 << row % 8);
    switch (column->code) {
    case INTEGER: ((int64_t *)values)[row] = number_of(text, size); break;
    case DAY: ((int32_t *)values)[row] = day_of(text); break;
    case INSTANT: moment(text, size, job->zone, (int64_t *)values + row); break;
    case NUMBER: decimal(text, text + size, column->scale, (Wide *)values + row); break;
    case BOOLEAN:
        if (*text == 't') ((unsigned char *)values)[row / 8] |= (unsigned char)(1 << row % 8);
        break;
    default: break;
    }
}

static void set_row(const Job *job, Column *column, size_t row) {
    ((unsigned char *)column->buffers[0])[row / 8] |= (unsigned char)(1 << row % 8);
    ((int64_t *)column->buffers[1])[row] = job->row + (int64_t)(job->table->numbers ? job->table->numbers[row] : row);
}

static enum outcome fill(const Job *job, Column *columns) {
    const Table *table = job->table;
    for (size_t at = 0; at < job->count; at++)
        if (!plan(job, at, &columns[at])) return NO_MEMORY;
    for (size_t first = 0; first < table->rows; first += STRIPE) {
        size_t end = table->rows - first < STRIPE ? table->rows : first + STRIPE;
        for (size_t at = 0; at < job->count; at++) {
            Field field = job->fields[at];
            for (size_t row = first; row < end; row++) {
                if (field.code == ROW)
                    set_row(job, &columns[at], row);
                else
                    set_value(job, table->cells[row * table->wanted + field.at], field.code, &columns[at], row);
            }
        }
    }
    return FOUND;
}

/* columns(table, fields, first row, zone): the fields' columns, named 0, 1 and so on. */
PyObject *columns(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *capsule;
    const char *bytes, *zone;
    Py_ssize_t size, zone_size;
    long long row;
    if (!PyArg_ParseTuple(args, "Oy#Ly#", &capsule, &bytes, &size, &row, &zone, &zone_size)) return NULL;
    Table *table = table_of(capsule);
    const Field *fields = table ? fields_of(table, bytes, size) : NULL;
    if (!fields) return NULL;
    size_t count = (size_t)size / sizeof(Field);
    Column *made = calloc(count + 1, sizeof(Column));
    if (!made) return PyErr_NoMemory();
    Job job = {table, span_of(table->data), {(const unsigned char *)zone, (const unsigned char *)zone + zone_size}, fields, count, row};
    enum outcome outcome;
    Py_BEGIN_ALLOW_THREADS;
    outcome = fill(&job, made);
    Py_END_ALLOW_THREADS;
    PyObject *found = outcome == FOUND ? capsules(table, made, count) : PyErr_NoMemory();
    free_columns(made, count);
    return found;
}
