/* The cells of one block, as an object that Python hands on. */
#include "speedups.h"

static const char NAME[] = "tap_reports.speedups.cells";

static void forget(PyObject *capsule) {
    Table *table = PyCapsule_GetPointer(capsule, NAME);
    Py_XDECREF(table->data);
    free(table->cells);
    free(table->extra);
    free(table->numbers);
    free(table->refused);
    free(table);
}

PyObject *new_table(PyObject *data, Table **table) {
    if (PyBytes_Size(data) >= LARGEST_BLOCK) Py_RETURN_NONE;
    *table = calloc(1, sizeof(Table));
    if (!*table) return PyErr_NoMemory();
    PyObject *capsule = PyCapsule_New(*table, NAME, forget);
    if (!capsule) {
        free(*table);
        return NULL;
    }
    Py_INCREF(data);
    (*table)->data = data;
    return capsule;
}

/* Return the capsule, the number of rows, where they end, and how many cells of each column are refused. */
PyObject *found_table(PyObject *capsule, Table *table, enum outcome outcome, Py_ssize_t end) {
    if (outcome == FOUND) {
        size_t refused = 0;
        for (size_t at = 0; at < table->wanted; at++) refused += table->refused[at];
        PyObject *counts = PyTuple_New(refused ? (Py_ssize_t)table->wanted : 0);
        for (size_t at = 0; counts && refused && at < table->wanted; at++) {
            PyObject *count = PyLong_FromSize_t(table->refused[at]);
            if (!count || PyTuple_SetItem(counts, (Py_ssize_t)at, count)) Py_CLEAR(counts);
        }
        if (counts) return Py_BuildValue("(NnnN)", capsule, (Py_ssize_t)table->rows, end, counts);
        Py_DECREF(capsule);
        return NULL;
    }
    Py_DECREF(capsule);
    if (outcome == NO_MEMORY) return PyErr_NoMemory();
    Py_RETURN_NONE;
}

Span span_of(PyObject *bytes) {
    const unsigned char *text = (const unsigned char *)PyBytes_AsString(bytes);
    return (Span){text, text ? text + PyBytes_Size(bytes) : NULL};
}

Table *table_of(PyObject *capsule) { return PyCapsule_GetPointer(capsule, NAME); }

Cell *next_row(Table *table) {
    size_t count = table->rows * table->wanted;
    if (table->room - count < table->wanted + !table->room) {
        size_t room = (table->room + table->wanted) * 2 + 1;
        Cell *more = realloc(table->cells, room * sizeof(Cell));
        if (!more) return NULL;
        table->cells = more;
        table->room = room;
    }
    table->rows++;
    return table->cells + count;
}

unsigned char *extra_room(Table *table, size_t size) {
    if (table->extra_room - table->extra_size < size || !table->extra) {
        size_t room = (table->extra_room + size) * 2 + 64;
        if (room >= UINT32_MAX) return NULL;
        unsigned char *more = realloc(table->extra, room);
        if (!more) return NULL;
        table->extra = more;
        table->extra_room = room;
    }
    return table->extra + table->extra_size;
}

void refuse(Table *table, Cell *cell, size_t at, const unsigned char *text, size_t size, int is_rewritten) {
    const unsigned char *start = (const unsigned char *)PyBytes_AsString(table->data);
    *cell = (Cell){(uint32_t)(text - start), (uint32_t)size | REFUSED | (is_rewritten ? REWRITTEN : 0)};
    table->refused[at]++;
}

/* Take a number, a day or an instant that is not written as in records, but plainly enough. 1: taken. */
static int take_variant(Table *table, Cell *cell, unsigned char code, const unsigned char *text, size_t size, int flags) {
    unsigned char *out;
    size_t length = 0;
    if (code == DAY && size > 10 && is_instant(text, size, TAKES_LOCAL)) {
        cell->size = 10;
        return 1;
    }
    if (code == INSTANT && size == 16 && flags & TAKES_LOCAL) { /* without seconds */
        unsigned char whole[19];
        memcpy(whole, text, 16);
        memcpy(whole + 16, ":00", 3);
        if (!is_instant(whole, 19, flags)) return 0;
        if (!(out = extra_room(table, 19))) return -1;
        memcpy(out, whole, length = 19);
    } else if (code == NUMBER || code == INTEGER) {
        if (!(out = extra_room(table, size))) return -1;
        length = clean_number(out, text, size, flags);
        if (!length || (code == INTEGER && !is_integer(out, length))) return 0;
    }
    if (!length) return 0;
    *cell = (Cell){(uint32_t)table->extra_size, (uint32_t)length | EXTRA};
    table->extra_size += length;
    return 1;
}

/* `cell` is where the text stands in the block. 1: it is taken, 0: refused, -1: no memory. */
int set_plain(Table *table, Cell *cell, unsigned char code, const unsigned char *text, size_t size, int flags) {
    switch (code) {
    case SKIPPED:
    case TEXT: return 1;
    case INTEGER:
        if (is_integer(text, size)) return 1;
        break;
    case NUMBER:
        if (!(flags & DECIMAL_COMMA) && is_number(text, size)) return 1;
        break;
    case DAY:
        if (is_day(text, size)) return 1;
        break;
    case INSTANT:
        if (is_instant(text, size, flags)) return 1;
        break;
    case BOOLEAN: return is_boolean(text, size);
    default: return 0;
    }
    return take_variant(table, cell, code, text, size, flags);
}

const Field *fields_of(const Table *table, const char *bytes, Py_ssize_t size) {
    const Field *fields = (const Field *)bytes;
    size_t count = (size_t)size / sizeof(Field);
    int is_right = (size_t)size % sizeof(Field) == 0 && (uintptr_t)bytes % sizeof(uint16_t) == 0;
    for (size_t field = 0; field < count && is_right; field++) {
        uint16_t at = fields[field].at;
        if (fields[field].code == ROW) continue;
        is_right = at < table->wanted && fields[field].code == (table->codes[at] & ~BY_PYTHON);
    }
    if (!is_right) PyErr_SetString(PyExc_ValueError, "fields that the table does not have");
    return is_right ? fields : NULL;
}
