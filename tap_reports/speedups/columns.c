/* Cells -> typed columns. */
#include "speedups.h"

enum { AT_ONCE = 18 }; /* digits that are read at once */
enum { STRIPE = 128 }; /* rows that stay in the processor's cache while column after column is made; a multiple of 8 */
enum { STEP = 32 };    /* short texts are copied as so many bytes at once */
enum { OFFSET = 6 };   /* bytes of `+00:00` */

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

static int32_t day_of(const unsigned char *text) { /* days since 1970-01-01, by the calendar */
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

/* Set microseconds since 1970-01-01 in UTC; 0: the instant has a finer fraction. */
static int moment(const unsigned char *text, size_t size, Span zone, int64_t *value) {
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

/* Set an integer; 0: it has more than 64 bits. */
static int integer(const unsigned char *text, size_t size, int64_t *value) {
    size_t is_negative = text[0] == '-';
    if (size - is_negative > 19) return 0;
    uint64_t digits = digits_of(text + is_negative, size - is_negative);
    if (digits > (uint64_t)INT64_MAX + is_negative) return 0;
    *value = (int64_t)(is_negative ? ~digits + 1 : digits);
    return 1;
}

/* Set a JSON number behind others of its column, which get more digits behind the point where this one has more.
 * 0: a decimal has not so many digits. */
static int decimal(const unsigned char *here, const unsigned char *end, Column *column, size_t row) {
    Wide *values = (Wide *)column->buffers[1];
    int is_negative = *here == '-', power = 0;
    for (here += is_negative; here < end && *here == '0';) here++;
    const unsigned char *whole = here;
    while (here < end && (unsigned)(*here - '0') < 10) here++;
    const unsigned char *fraction = here;
    int before = (int)(here - whole), behind = 0;
    if (here < end && *here == '.') {
        for (fraction = ++here; here < end && (unsigned)(*here - '0') < 10;) here++;
        behind = (int)(here - fraction);
    }
    if (here < end) { /* the exponent, of three digits at most */
        int is_small = here[1] == '-';
        for (here += 1 + (is_small || here[1] == '+'); here < end; here++) power = power * 10 + *here - '0';
        power = is_small ? -power : power;
    }
    if (before + power > column->whole) column->whole = before + power;
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

typedef struct {
    const Table *table;
    Span data, zone;
    const Field *fields;
    size_t count;
    int64_t row;
} Job;

static size_t width_of(unsigned code) {
    return code == DAY || code == TEXT ? sizeof(int32_t) : code == NUMBER ? sizeof(Wide) : sizeof(int64_t);
}

/* Make room for a column. Returns 0: no memory. */
static int begin(const Table *table, Column *column, unsigned code) {
    *column = (Column){.code = (unsigned char)code};
    column->buffers[0] = calloc(1, table->rows / 8 + 1);
    column->buffers[1] = calloc(table->rows + 1, width_of(code));
    return column->buffers[0] && column->buffers[1];
}

/* Note whether a cell holds something. */
static int is_set(Column *column, Cell cell, size_t row) {
    unsigned is_valid = (cell.size & SIZE_BITS) != 0;
    ((unsigned char *)column->buffers[0])[row / 8] |= (unsigned char)(is_valid << row % 8);
    column->null_count += !is_valid;
    return (int)is_valid;
}

/* Set the values of some rows. Returns the first row whose value is not one of the column's; the end if all are. */
static size_t set_values(const Job *job, Field field, Column *column, size_t row, size_t end) {
    const Table *table = job->table;
    void *values = (void *)column->buffers[1];
    for (const Cell *cell = table->cells + row * table->wanted + field.at; row < end; row++, cell += table->wanted) {
        if (!is_set(column, *cell, row)) continue;
        size_t size = cell->size & SIZE_BITS;
        const unsigned char *text = text_of(table, job->data, *cell);
        int fits = 1;
        switch (field.code) {
        case INTEGER: fits = integer(text, size, (int64_t *)values + row); break;
        case DAY: ((int32_t *)values)[row] = day_of(text); break;
        case INSTANT: fits = moment(text, size, job->zone, (int64_t *)values + row); break;
        case NUMBER: fits = decimal(text, text + size, column, row); break;
        default: ((unsigned char *)values)[row / 8] |= (unsigned char)((*text == 't') << row % 8);
        }
        if (!fits) return row;
    }
    return end;
}

/* Copy the text of a cell; `STEP` bytes more than it has may be written. */
static unsigned char *put_text(const Job *job, Field field, Cell cell, unsigned char *out) {
    size_t size = cell.size & SIZE_BITS;
    const unsigned char *text = text_of(job->table, job->data, cell);
    if (field.code == INSTANT && size) return put_instant(out, text, size, job->zone, 0);
    if (!(cell.size & REWRITTEN) || cell.size & EXTRA) {
        if (size <= STEP && !(cell.size & EXTRA) && job->data.end - text >= STEP)
            memcpy(out, text, STEP);
        else
            memcpy(out, text, size);
        return out + size;
    }
    if (job->table->is_json) return put_json_text(out, text, text + size, 0);
    for (const unsigned char *end = text + size; text < end; text++) {
        *out++ = *text;
        text += *text == '"'; /* they come in pairs */
    }
    return out;
}

/* Set the texts of some rows. Returns 0: no memory. */
static int set_texts(const Job *job, Field field, Column *column, size_t row, size_t end) {
    const Table *table = job->table;
    int32_t *ends = (int32_t *)column->buffers[1];
    for (const Cell *cell = table->cells + row * table->wanted + field.at; row < end; row++, cell += table->wanted) {
        size_t need = (size_t)ends[row] + (cell->size & SIZE_BITS) + STEP; /* an offset is shorter */
        if (need > column->room) {
            size_t room = 2 * need + table->rows;
            void *texts = room < INT32_MAX ? realloc((void *)column->buffers[2], room) : NULL;
            if (!texts) return 0;
            column->buffers[2] = texts;
            column->room = room;
        }
        unsigned char *start = (unsigned char *)column->buffers[2] + ends[row];
        is_set(column, *cell, row);
        ends[row + 1] = ends[row] + (int32_t)(put_text(job, field, *cell, start) - start);
    }
    return 1;
}

static void set_rows(const Job *job, Column *column, size_t row, size_t end) {
    for (; row < end; row++)
        ((int64_t *)column->buffers[1])[row] = job->row + (int64_t)(job->table->numbers ? job->table->numbers[row] : row);
}

/* Set some rows of a column, which becomes one of texts where a value does not fit. Returns 0: no memory. */
static int set(const Job *job, Field field, Column *column, size_t row, size_t end) {
    if (field.code == ROW) {
        set_rows(job, column, row, end);
        return 1;
    }
    if (column->code != TEXT) {
        if (set_values(job, field, column, row, end) == end) return 1;
        free_buffers(column);
        if (!begin(job->table, column, TEXT)) return 0;
        row = 0;
    }
    return set_texts(job, field, column, row, end);
}

static enum outcome fill(const Job *job, Column *columns) {
    size_t rows = job->table->rows;
    for (size_t at = 0; at < job->count; at++)
        if (!begin(job->table, &columns[at], job->fields[at].code == ROW ? INTEGER : job->fields[at].code)) return NO_MEMORY;
    for (size_t row = 0; row < rows; row += STRIPE)
        for (size_t at = 0; at < job->count; at++)
            if (!set(job, job->fields[at], &columns[at], row, rows - row < STRIPE ? rows : row + STRIPE)) return NO_MEMORY;
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
    if (zone_size > OFFSET) return PyErr_Format(PyExc_ValueError, "an offset that is none");
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
