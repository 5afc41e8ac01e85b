/* Cells -> typed columns. */
#include "speedups.h"

enum { STRIPE = 128 }; /* rows that stay in the processor's cache while column after column is made; a multiple of 8 */
enum { STEP = 32 };    /* short texts are copied as so many bytes at once */

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
