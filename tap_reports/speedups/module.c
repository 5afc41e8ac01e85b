/* The module: what Python calls. */
#include "speedups.h"
#if defined(__GLIBC__)
#include <malloc.h>
#endif

/* csv(block, delimiter, codes, column, header, flags): the cells of whole records. A block with a row that has this
 * text in this column, as the header, is refused. */
static PyObject *csv(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *data;
    const char *codes, *header;
    Py_ssize_t width, header_at, header_size;
    int delimiter, flags;
    if (!PyArg_ParseTuple(args, "Siy#ny#i", &data, &delimiter, &codes, &width, &header_at, &header, &header_size, &flags)) return NULL;
    if (delimiter <= 0 || delimiter > 127 || strchr("\r\n\"\\", delimiter) || width < 2)
        return PyErr_Format(PyExc_ValueError, "a delimiter or a width that is not taken");
    Table *table;
    PyObject *capsule = new_table(data, &table);
    if (!capsule || capsule == Py_None) return capsule;
    for (Py_ssize_t at = 0; at < width; at++) {
        unsigned char kind = (unsigned char)codes[at] & (unsigned char)~BY_PYTHON;
        if (kind >= ROW || (!kind && codes[at]) || table->wanted == WIDEST) {
            Py_DECREF(capsule);
            return PyErr_Format(PyExc_ValueError, "codes that there are not, or too many");
        }
        if (kind) table->codes[table->wanted++] = (unsigned char)codes[at];
    }
    if (!(table->refused = calloc(table->wanted + 1, sizeof(size_t)))) {
        Py_DECREF(capsule);
        return PyErr_NoMemory();
    }
    Span text = span_of(data), first = {(const unsigned char *)header, (const unsigned char *)header + header_size};
    enum outcome outcome;
    Py_BEGIN_ALLOW_THREADS;
    outcome = scan_csv(table, text, (unsigned char)delimiter, (const unsigned char *)codes, (size_t)width, (size_t)header_at, first, flags);
    Py_END_ALLOW_THREADS;
    return found_table(capsule, table, outcome, text.end - text.text);
}

static PyMethodDef methods[] = {
    {"csv", csv, METH_VARARGS, NULL},
    {"json", json, METH_VARARGS, NULL},
    {"json_keys", json_keys, METH_VARARGS, NULL},
    {"dates", dates, METH_VARARGS, NULL},
    {"convert", convert, METH_VARARGS, NULL},
    {"drop_nulls", drop_nulls, METH_VARARGS, NULL},
    {"days", days, METH_VARARGS, NULL},
    {"lines", lines, METH_VARARGS, NULL},
    {"columns", columns, METH_VARARGS, NULL},
    {"sheet", sheet, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_tap_reports_speedups", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__tap_reports_speedups(void) {
#if defined(__GLIBC__)
    /* Blocks are allocated by one thread and freed by another: an arena for each thread grows with the file. */
    mallopt(M_ARENA_MAX, 1);
    /* A block's memory is that of the next one: to hand it back and get it zeroed again costs a sixth of the time. */
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 64 << 20);
#endif
    return PyModule_Create(&definition);
}
