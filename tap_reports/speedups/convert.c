/* Refused cells -> what Python makes of them; records without a key; the days of records. */
#include "speedups.h"

/* Return a cell as Python's reader would hand it over: of CSV without doubled quotes, of JSON the whole value. */
static PyObject *shown(const Table *table, Span data, Cell cell) {
    const char *text = (const char *)data.text + cell.begin;
    size_t size = cell.size & SIZE_BITS;
    if (table->is_json || !(cell.size & REWRITTEN)) return PyUnicode_FromStringAndSize(text, (Py_ssize_t)size);
    char *copy = malloc(size + 1), *out = copy;
    if (!copy) return PyErr_NoMemory();
    for (size_t at = 0; at < size; at++) {
        *out++ = text[at];
        at += text[at] == '"'; /* they come in pairs */
    }
    PyObject *found = PyUnicode_FromStringAndSize(copy, out - copy);
    free(copy);
    return found;
}

/* Return what the converter makes of a cell, a new reference; looked up if it has been seen. */
static PyObject *converted(PyObject *cell, PyObject *cache, PyObject *converter) {
    PyObject *found = PyDict_GetItemWithError(cache, cell);
    if (found) return Py_NewRef(found);
    if (PyErr_Occurred()) return NULL;
    found = PyObject_CallFunctionObjArgs(converter, cell, NULL);
    if (found && PyDict_SetItem(cache, cell, found)) Py_CLEAR(found);
    return found;
}

/* Set a cell to a text; returns 0 with an error set. */
static int replace(Table *table, Cell *cell, PyObject *text) {
    Span span = span_of(text);
    if (!span.text) return 0;
    size_t size = (size_t)(span.end - span.text);
    unsigned char *out = size <= SIZE_BITS ? extra_room(table, size) : NULL;
    if (!out) {
        PyErr_NoMemory();
        return 0;
    }
    memcpy(out, span.text, size);
    *cell = (Cell){(uint32_t)table->extra_size, (uint32_t)size | EXTRA | REWRITTEN};
    table->extra_size += size;
    return 1;
}

/* Convert the refused cells of a column; returns how many the converter answered with None: they become null. */
PyObject *convert(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *capsule, *cache, *converter;
    Py_ssize_t at, invalid = 0;
    if (!PyArg_ParseTuple(args, "OnO!O", &capsule, &at, &PyDict_Type, &cache, &converter)) return NULL;
    Table *table = table_of(capsule);
    if (!table) return NULL;
    if (at < 0 || (size_t)at >= table->wanted) return PyErr_Format(PyExc_ValueError, "a column that the table does not have");
    Span data = span_of(table->data);
    Cell *cell = table->cells + at;
    for (size_t row = 0; row < table->rows; row++, cell += table->wanted) {
        if (!(cell->size & REFUSED)) continue;
        PyObject *key = shown(table, data, *cell);
        PyObject *found = key ? converted(key, cache, converter) : NULL;
        Py_XDECREF(key);
        if (!found) return NULL;
        int is_set = 1;
        if (found == Py_None) {
            *cell = (Cell){0, 0};
            invalid++;
        } else {
            is_set = replace(table, cell, found);
        }
        Py_DECREF(found);
        if (!is_set) return NULL;
    }
    return PyLong_FromSsize_t(invalid);
}

static int keep_numbers(Table *table) {
    if (table->numbers) return 1;
    table->numbers = malloc((table->rows + 1) * sizeof(uint32_t));
    for (size_t row = 0; table->numbers && row < table->rows; row++) table->numbers[row] = (uint32_t)row;
    return table->numbers != NULL;
}

/* Leave out the rows in which a column is null; returns how many these are. The others keep their numbers. */
PyObject *drop_nulls(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *capsule;
    Py_ssize_t at;
    if (!PyArg_ParseTuple(args, "On", &capsule, &at)) return NULL;
    Table *table = table_of(capsule);
    if (!table) return NULL;
    if (at < 0 || (size_t)at >= table->wanted) return PyErr_Format(PyExc_ValueError, "a column that the table does not have");
    size_t kept = 0;
    while (kept < table->rows && table->cells[kept * table->wanted + (size_t)at].size & SIZE_BITS) kept++;
    if (kept == table->rows) return PyLong_FromLong(0);
    if (!keep_numbers(table)) return PyErr_NoMemory();
    for (size_t row = kept; row < table->rows; row++) {
        const Cell *cells = table->cells + row * table->wanted;
        if (!(cells[at].size & SIZE_BITS)) continue;
        memmove(table->cells + kept * table->wanted, cells, table->wanted * sizeof(Cell));
        table->numbers[kept++] = table->numbers[row];
    }
    size_t dropped = table->rows - kept;
    table->rows = kept;
    return PyLong_FromSize_t(dropped);
}

/* Return the least and the greatest day of a column, how many cells have one, and how many of these are not
 * between two days. */
PyObject *days(PyObject *module, PyObject *args) {
    (void)module;
    enum { LENGTH = 10 };
    PyObject *capsule;
    const char *first, *last;
    Py_ssize_t at, first_size, last_size;
    if (!PyArg_ParseTuple(args, "Ony#y#", &capsule, &at, &first, &first_size, &last, &last_size)) return NULL;
    Table *table = table_of(capsule);
    if (!table) return NULL;
    if (at < 0 || (size_t)at >= table->wanted || first_size != LENGTH || last_size != LENGTH ||
        ((table->codes[at] & ~BY_PYTHON) != DAY && (table->codes[at] & ~BY_PYTHON) != INSTANT))
        return PyErr_Format(PyExc_ValueError, "days that the table does not have");
    Span data = span_of(table->data);
    const unsigned char *least = NULL, *greatest = NULL;
    Py_ssize_t dated = 0, outside = 0;
    for (size_t row = 0; row < table->rows; row++) {
        Cell cell = table->cells[row * table->wanted + (size_t)at];
        if ((cell.size & SIZE_BITS) < LENGTH) continue;
        const unsigned char *text = text_of(table, data, cell);
        if (!least || memcmp(text, least, LENGTH) < 0) least = text;
        if (!greatest || memcmp(text, greatest, LENGTH) > 0) greatest = text;
        dated++;
        outside += memcmp(text, first, LENGTH) < 0 || memcmp(text, last, LENGTH) > 0;
    }
    return Py_BuildValue("(s#s#nn)", least ? (const char *)least : "", (Py_ssize_t)(least ? LENGTH : 0),
                         greatest ? (const char *)greatest : "", (Py_ssize_t)(least ? LENGTH : 0), dated, outside);
}
