/* Columns in Arrow's C data interface, which pyarrow takes over without copying the values. */
#include "speedups.h"

/* As https://arrow.apache.org/docs/format/CDataInterface.html defines them. */
struct ArrowSchema {
    const char *format, *name, *metadata;
    int64_t flags, n_children;
    struct ArrowSchema **children, *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};
struct ArrowArray {
    int64_t length, null_count, offset, n_buffers, n_children;
    const void **buffers;
    struct ArrowArray **children, *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};
enum { NULLABLE = 2 };

typedef struct {
    char format[16], name[8];
} Label;

void free_buffers(Column *column) {
    for (int buffer = 0; buffer < BUFFERS; buffer++) free((void *)column->buffers[buffer]);
    memset(column, 0, sizeof(Column));
}

void free_columns(Column *columns, size_t count) {
    for (size_t at = 0; columns && at < count; at++) free_buffers(&columns[at]);
    free(columns);
}

/* An exported structure owns its children and, in `private_data`, one piece of memory more. */
static void release_schema(struct ArrowSchema *schema) {
    for (int64_t at = 0; at < schema->n_children; at++) {
        if (schema->children[at]->release) schema->children[at]->release(schema->children[at]);
        free(schema->children[at]);
    }
    free(schema->children);
    free(schema->private_data);
    schema->release = NULL;
}

static void release_array(struct ArrowArray *array) {
    for (int64_t at = 0; at < array->n_children; at++) {
        if (array->children[at]->release) array->children[at]->release(array->children[at]);
        free(array->children[at]);
    }
    free(array->children);
    free_columns(array->private_data, array->private_data ? 1 : 0);
    array->release = NULL;
}

static int label(struct ArrowSchema *schema, const Column *column, size_t at) {
    static const char *const formats[CODES] = {
        [TEXT] = "u", [INTEGER] = "l", [DAY] = "tdD", [INSTANT] = "tsu:UTC", [BOOLEAN] = "b"};
    Label *label = calloc(1, sizeof(Label));
    schema->private_data = label;
    schema->release = release_schema;
    if (!label) return 0;
    if (column->code == NUMBER)
        PyOS_snprintf(label->format, sizeof(label->format), "d:%d,%d", PRECISION, column->scale);
    else
        strcpy(label->format, formats[column->code]);
    PyOS_snprintf(label->name, sizeof(label->name), "%u", (unsigned)at);
    schema->format = label->format;
    schema->name = label->name;
    schema->flags = NULLABLE;
    return 1;
}

/* Make the children of both structures; what is made belongs to them. */
static int export(struct ArrowSchema *schema, struct ArrowArray *array, const Table *table, Column *columns, size_t count) {
    static const void *no_buffer[1] = {NULL};
    *schema = (struct ArrowSchema){.format = "+s", .name = "", .release = release_schema};
    *array = (struct ArrowArray){.length = (int64_t)table->rows, .n_buffers = 1, .buffers = no_buffer, .release = release_array};
    schema->children = calloc(count + 1, sizeof(struct ArrowSchema *));
    array->children = calloc(count + 1, sizeof(struct ArrowArray *));
    for (size_t at = 0; at < count && schema->children && array->children; at++) {
        struct ArrowSchema *child = schema->children[at] = calloc(1, sizeof(struct ArrowSchema));
        struct ArrowArray *values = array->children[at] = calloc(1, sizeof(struct ArrowArray));
        Column *column = malloc(sizeof(Column));
        schema->n_children += child != NULL;
        array->n_children += values != NULL;
        if (!child || !values || !column || !label(child, &columns[at], at)) {
            free(column);
            return 0;
        }
        *column = columns[at];
        memset(&columns[at], 0, sizeof(Column));
        if (!column->null_count) { /* who reads it need not look */
            free((void *)column->buffers[0]);
            column->buffers[0] = NULL;
        }
        *values = (struct ArrowArray){
            .length = (int64_t)table->rows,
            .null_count = column->null_count,
            .n_buffers = column->code == TEXT ? 3 : 2,
            .buffers = column->buffers,
            .release = release_array,
            .private_data = column,
        };
    }
    return schema->children && array->children;
}

static void forget_schema(PyObject *capsule) {
    struct ArrowSchema *schema = PyCapsule_GetPointer(capsule, "arrow_schema");
    if (schema->release) schema->release(schema);
    free(schema);
}

static void forget_array(PyObject *capsule) {
    struct ArrowArray *array = PyCapsule_GetPointer(capsule, "arrow_array");
    if (array->release) array->release(array);
    free(array);
}

PyObject *capsules(const Table *table, Column *columns, size_t count) {
    struct ArrowSchema *schema = calloc(1, sizeof(struct ArrowSchema));
    struct ArrowArray *array = calloc(1, sizeof(struct ArrowArray));
    PyObject *first = schema ? PyCapsule_New(schema, "arrow_schema", forget_schema) : NULL;
    PyObject *second = array ? PyCapsule_New(array, "arrow_array", forget_array) : NULL;
    if (first && second && export(schema, array, table, columns, count)) return Py_BuildValue("(NN)", first, second);
    if (!first) free(schema);
    if (!second) free(array);
    Py_XDECREF(first);
    Py_XDECREF(second);
    return PyErr_Occurred() ? NULL : PyErr_NoMemory();
}
