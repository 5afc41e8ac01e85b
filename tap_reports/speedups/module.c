#include "speedups.h"

/* Take the codes of all columns and remember those of the wanted ones. */
static int takes_codes(Table *table, const unsigned char *codes, Py_ssize_t width) {
    for (Py_ssize_t at = 0; at < width; at++) {
        if (codes[at] >= ROW || table->wanted == WIDEST) {
            PyErr_SetString(PyExc_ValueError, "codes that there are not, or too many");
            return 0;
        }
        if (codes[at]) table->codes[table->wanted++] = codes[at];
    }
    return 1;
}

static PyObject *csv(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *data;
    const char *codes;
    Py_ssize_t width;
    int delimiter, takes_local;
    if (!PyArg_ParseTuple(args, "Siy#p", &data, &delimiter, &codes, &width, &takes_local)) return NULL;
    if (delimiter <= 0 || delimiter > 127 || strchr("\r\n\"", delimiter) || width < 2)
        return PyErr_Format(PyExc_ValueError, "a delimiter or a width that is not taken");
    Table *table;
    PyObject *capsule = new_table(data, &table);
    if (!capsule || capsule == Py_None) return capsule;
    if (!takes_codes(table, (const unsigned char *)codes, width)) {
        Py_DECREF(capsule);
        return NULL;
    }
    Span text = span_of(data);
    enum outcome outcome;
    Py_BEGIN_ALLOW_THREADS;
    outcome = scan_csv(table, text, (unsigned char)delimiter, (const unsigned char *)codes, (size_t)width, takes_local);
    Py_END_ALLOW_THREADS;
    return found_table(capsule, table, outcome);
}

/* Return the spans of a tuple of bytes, to be freed. */
static Span *spans_of(PyObject *texts, Py_ssize_t count) {
    if (PyTuple_Size(texts) != count) {
        if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, "a text is missing, or there is one too many");
        return NULL;
    }
    Span *spans = malloc((size_t)count * sizeof(Span));
    if (!spans) return (Span *)PyErr_NoMemory();
    for (Py_ssize_t at = 0; at < count; at++) {
        spans[at] = span_of(PyTuple_GetItem(texts, at));
        if (PyErr_Occurred()) { /* no bytes */
            free(spans);
            return NULL;
        }
    }
    return spans;
}

static PyObject *json(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *data, *texts;
    const char *codes;
    Py_ssize_t width;
    int takes_local;
    if (!PyArg_ParseTuple(args, "SO!y#p", &data, &PyTuple_Type, &texts, &codes, &width, &takes_local)) return NULL;
    if (width < 1) return PyErr_Format(PyExc_ValueError, "no values");
    Table *table;
    PyObject *capsule = new_table(data, &table);
    if (!capsule || capsule == Py_None) return capsule;
    Span *spans = takes_codes(table, (const unsigned char *)codes, width) ? spans_of(texts, width + 2) : NULL;
    if (!spans) {
        Py_DECREF(capsule);
        return NULL;
    }
    table->is_json = 1;
    Span text = span_of(data);
    enum outcome outcome;
    Py_BEGIN_ALLOW_THREADS;
    outcome = scan_json(table, text, spans, (const unsigned char *)codes, (size_t)width, takes_local);
    Py_END_ALLOW_THREADS;
    free(spans);
    return found_table(capsule, table, outcome);
}

static PyMethodDef methods[] = {
    {"csv", csv, METH_VARARGS, NULL},
    {"json", json, METH_VARARGS, NULL},
    {"lines", lines, METH_VARARGS, NULL},
    {"columns", columns, METH_VARARGS, NULL},
    {"sheet", sheet, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_tap_reports_speedups", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__tap_reports_speedups(void) { return PyModule_Create(&definition); }
