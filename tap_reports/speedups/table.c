/* The cells of one block, as an object that Python hands on. */
#include "speedups.h"

static const char NAME[] = "tap_reports.speedups.cells";

static void forget(PyObject *capsule) {
    Table *table = PyCapsule_GetPointer(capsule, NAME);
    Py_XDECREF(table->data);
    free(table->cells);
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

PyObject *found_table(PyObject *capsule, Table *table, enum outcome outcome) {
    if (outcome == FOUND) return Py_BuildValue("(Nn)", capsule, (Py_ssize_t)table->rows);
    Py_DECREF(capsule);
    if (outcome == NO_MEMORY) return PyErr_NoMemory();
    Py_RETURN_NONE;
}

Span span_of(PyObject *bytes) {
    const unsigned char *text = (const unsigned char *)PyBytes_AsString(bytes);
    return (Span){text, text + PyBytes_Size(bytes)};
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

const Field *fields_of(const Table *table, const char *bytes, Py_ssize_t size) {
    const Field *fields = (const Field *)bytes;
    size_t count = (size_t)size / sizeof(Field);
    unsigned char *seen = calloc(table->wanted + 1, 1);
    if (!seen) return (const Field *)PyErr_NoMemory();
    int is_right = (size_t)size % sizeof(Field) == 0 && (uintptr_t)bytes % sizeof(uint16_t) == 0;
    for (size_t field = 0; field < count && is_right; field++) {
        uint16_t at = fields[field].at;
        if (fields[field].code == ROW) continue;
        /* What is written of a cell is what it was found to be, and it is written once: there is room for that. */
        is_right = at < table->wanted && fields[field].code == table->codes[at] && !seen[at];
        if (is_right) seen[at] = 1;
    }
    free(seen);
    if (!is_right) PyErr_SetString(PyExc_ValueError, "fields that the table does not have");
    return is_right ? fields : NULL;
}
