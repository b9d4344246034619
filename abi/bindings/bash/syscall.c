/*
 * The `syscall` command: any system call from Bash, by the generated table.
 *
 *     syscall NAME ARGUMENT...     one call: its result, then what it wrote; or the error's name and status 1
 *     syscall -                    a script of calls from standard input, made by one process, so that descriptors stay
 *
 * HELP below has the language; tests/conformance/script.py reads the same one.
 * One line is one struct step: its arguments are parsed when it is its turn, since they may use what earlier calls left.
 * Memory of buffers is kept until the end. A syntax error ends the program with status 2.
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "polyglot_syscall.h"
#include "polyglot_table.h"

static const char HELP[] =
    "usage: syscall [--raw ARGUMENT | --hex] NAME ARGUMENT...   make one system call\n"
    "       syscall [--hex] -                                   make those of a script on standard input, in one process\n"
    "       syscall --list | --help [NAME]                      names of the calls; this, or one call's arguments\n"
    "\n"
    "Prints the result and what the call wrote, as text by its type; --raw prints just the bytes written to one\n"
    "argument, --hex numbers and bytes only, also of an error. Else an error is printed by name on\n"
    "standard error, with status 1 (status 2: the line is wrong).\n"
    "\n"
    "Arguments:\n"
    "  12 0x1f 0644 -1      a number; constants by name, or-ed: 'O_RDWR|O_CREAT'; sums: 4096+12\n"
    "  text '\"a\\n\\x00\"'      a string for a pointer; escapes \\n \\t \\r \\0 \\\\ \\\" \\xHH only in double quotes\n"
    "  NULL &N              no pointer; a pointer that is the number N\n"
    "  @ @N                 zeroed memory for one or N elements of what the call writes or reads there\n"
    "  {1,2} {tv_sec=1}     numbers, or a structure by position or field; several: '{..}{..}'; strings: '{\"a\",\"b\"}'\n"
    "  T@N T{..}            the same for a type T of your choice, such as int@1, stat@1, flock{l_type=F_RDLCK}\n"
    "  #                    the size of the last memory on this line\n"
    "\n"
    "In a script a line may begin with LABEL: and later lines say $LABEL (the result), $LABEL.ARGUMENT (address of\n"
    "its memory), $LABEL.ARGUMENT[0], $LABEL.ARGUMENT.field (what is there). Lines that begin with | are made by the\n"
    "child of the last fork only, which then exits. Empty lines and # comments are skipped.\n"
    "\n"
    "  syscall getpid\n"
    "  syscall openat AT_FDCWD new 'O_WRONLY|O_CREAT' 0644\n"
    "  syscall --raw buffer read 0 @100 '#'\n"
    "  syscall newfstatat AT_FDCWD /etc/motd @ 0\n";

enum { MOST_STEPS = 256, MOST_SHOWN = 32, NAME = 64 };

struct shown { char name[NAME]; const char *type; uint8_t *data; size_t size; };

struct step {
    const struct polyglot_row *row;
    char label[NAME];
    int64_t result;
    struct shown shown[MOST_SHOWN]; /* all memory of the line; to be printed if `printed` */
    uint8_t printed[MOST_SHOWN];
    int count;
};

static struct step steps[MOST_STEPS];
static int step_count;
static struct step *step;  /* the one that is being read or made */
static uint64_t last_size; /* of the last memory of this line */
static uint64_t inner_size;

static void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "syscall: ");
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
    exit(2);
}

/* ---- the table ---- */

static const struct polyglot_row *find_row(const char *name)
{
    for (size_t i = 0; i < sizeof polyglot_rows / sizeof *polyglot_rows; i++)
        if (!strcmp(polyglot_rows[i].name, name))
            return &polyglot_rows[i];
    return NULL;
}

static const struct polyglot_struct *find_struct(const char *name)
{
    for (size_t i = 0; i < sizeof polyglot_structs / sizeof *polyglot_structs; i++)
        if (!strcmp(polyglot_structs[i].name, name))
            return &polyglot_structs[i];
    return NULL;
}

static const struct polyglot_type *find_type(const char *name)
{
    for (size_t i = 0; i < sizeof polyglot_types / sizeof *polyglot_types; i++)
        if (!strcmp(polyglot_types[i].name, name))
            return &polyglot_types[i];
    return NULL;
}

/* The table's own copy of a type's name. */
static const char *type_name(const char *name)
{
    const struct polyglot_struct *structure = find_struct(name);
    if (structure != NULL)
        return structure->name;
    const struct polyglot_type *type = find_type(name);
    if (type == NULL)
        fail("no type is named '%s'", name);
    return type->name;
}

static size_t type_size(const char *name)
{
    const struct polyglot_struct *structure = find_struct(name);
    return structure != NULL ? structure->size : find_type(name)->size;
}

static const struct polyglot_field *find_field(const struct polyglot_struct *structure, const char *name, size_t length)
{
    for (int i = 0; i < structure->count; i++)
        if (strlen(structure->fields[i].name) == length && !strncmp(structure->fields[i].name, name, length))
            return &structure->fields[i];
    fail("struct %s has no field '%.*s'", structure->name, (int)length, name);
    return NULL;
}

static int is_scalar(const struct polyglot_argument *argument)
{
    return argument->kind < KIND_PATH;
}

/* ---- numbers ---- */

static uint64_t load(const uint8_t *from, size_t size, int is_signed)
{
    uint64_t value = 0;
    memcpy(&value, from, size);
    unsigned unused = 64 - 8 * (unsigned)size;
    return is_signed ? (uint64_t)((int64_t)(value << unused) >> unused) : value;
}

static uint64_t load_typed(const char *type, const uint8_t *from)
{
    const struct polyglot_type *own = find_type(type);
    return load(from, own->size, own->is_signed);
}

static const struct shown *find_shown(const struct step *of, const char *name, size_t length)
{
    for (int i = 0; i < of->count; i++)
        if (strlen(of->shown[i].name) == length && !strncmp(of->shown[i].name, name, length))
            return &of->shown[i];
    fail("$%s: '%.*s' has no memory", of->label, (int)length, name);
    return NULL;
}

static size_t name_length(const char *text)
{
    return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
}

/* $LABEL, $LABEL.ARGUMENT, $LABEL.ARGUMENT[i].field; `text` is behind the $. */
static uint64_t reference(const char *text)
{
    size_t length = name_length(text);
    const struct step *of = NULL;
    for (int i = 0; i < step_count; i++)
        if (strlen(steps[i].label) == length && !strncmp(steps[i].label, text, length))
            of = &steps[i];
    if (of == NULL)
        fail("no call is labelled '%.*s'", (int)length, text);
    text += length;
    if (*text == '\0')
        return (uint64_t)of->result;
    length = name_length(text + 1);
    const struct shown *memory = find_shown(of, text + 1, length);
    text += 1 + length;
    if (*text == '\0')
        return (uint64_t)(uintptr_t)memory->data;
    size_t offset = 0;
    if (*text == '[') {
        offset = strtoul(text + 1, (char **)&text, 10) * type_size(memory->type);
        text += 1;
    }
    if (*text == '\0')
        return load_typed(memory->type, memory->data + offset);
    const struct polyglot_struct *structure = find_struct(memory->type);
    if (structure == NULL)
        fail("'%s' is no structure", memory->name);
    const struct polyglot_field *field = find_field(structure, text + 1, strlen(text + 1));
    return load_typed(field->type, memory->data + offset + field->offset);
}

static uint64_t constant(const char *name)
{
    for (size_t i = 0; i < sizeof polyglot_constants / sizeof *polyglot_constants; i++)
        if (!strcmp(polyglot_constants[i].name, name))
            return polyglot_constants[i].value;
    char *end;
    uint64_t value = name[0] == '-' ? (uint64_t)strtoll(name, &end, 0) : strtoull(name, &end, 0);
    if (*name == '\0' || *end != '\0')
        fail("'%s' is no number and no constant", name);
    return value;
}

static uint64_t number(const char *text)
{
    char copy[256], *sum = copy, *part;
    uint64_t total = 0;
    if (strlen(text) >= sizeof copy)
        fail("'%s' is no number", text);
    strcpy(copy, text);
    while ((part = strsep(&sum, "+")) != NULL) {
        uint64_t bits = 0;
        char *word;
        if (part[0] == '$')
            bits = reference(part + 1);
        else if (!strcmp(part, "#"))
            bits = last_size;
        else
            while ((word = strsep(&part, "|")) != NULL)
                bits |= constant(word);
        total += bits;
    }
    return total;
}

/* ---- memory ---- */

static uint8_t *allocate(size_t size)
{
    uint8_t *data = calloc(1, size + 16);
    if (data == NULL)
        fail("out of memory");
    last_size = size;
    return data;
}

static void remember(const char *name, const char *type, uint8_t *data, size_t size, int printed)
{
    if (step->count == MOST_SHOWN || strlen(name) >= NAME)
        fail("too much memory in one line");
    struct shown *shown = &step->shown[step->count];
    strcpy(shown->name, name);
    shown->type = type;
    shown->data = data;
    shown->size = size;
    step->printed[step->count++] = (uint8_t)printed;
}

/* A quoted or bare string's bytes, in new memory with a NUL behind. */
static uint8_t *string(const char *text, size_t length)
{
    uint8_t *data = allocate(length + 1);
    size_t size = 0;
    if (length < 2 || text[0] != '"') {
        memcpy(data, text, length);
        size = length;
    } else {
        for (size_t i = 1; i < length - 1; i++) {
            if (text[i] != '\\') {
                data[size++] = (uint8_t)text[i];
                continue;
            }
            char hex[3] = { 0 };
            switch (text[++i]) {
            case 'n': data[size++] = '\n'; break;
            case 't': data[size++] = '\t'; break;
            case 'r': data[size++] = '\r'; break;
            case '0': data[size++] = '\0'; break;
            case 'x':
                memcpy(hex, text + i + 1, 2);
                data[size++] = (uint8_t)strtoul(hex, NULL, 16);
                i += 2;
                break;
            default: data[size++] = (uint8_t)text[i];
            }
        }
    }
    last_size = size;
    return data;
}

/* Splits "a,{b,c},"d,e"" at its outer commas; -> the number of parts, which are trimmed. */
static int split(const char *text, size_t length, const char **parts, size_t *lengths, int most)
{
    int count = 0, depth = 0, quoted = 0;
    size_t start = 0;
    for (size_t i = 0; i <= length; i++) {
        if (i < length && text[i] == '"' && text[i - 1] != '\\')
            quoted = !quoted;
        if (i < length && !quoted)
            depth += (text[i] == '{') - (text[i] == '}');
        if (i < length && (quoted || depth != 0 || text[i] != ','))
            continue;
        size_t from = start, to = i;
        while (from < to && text[from] == ' ')
            from++;
        while (to > from && text[to - 1] == ' ')
            to--;
        if (to > from && count < most) {
            parts[count] = text + from;
            lengths[count++] = to - from;
        }
        start = i + 1;
    }
    return count;
}

static uint8_t *memory(const char *text, const char *pointed, const char *name, const char **type);

/* The value of a structure's pointer field. */
static uint64_t pointer(const char *text, const char *name)
{
    if (!strcmp(text, "NULL"))
        return 0;
    if (text[0] == '&' || text[0] == '$')
        return number(text + (text[0] == '&'));
    uint64_t before = last_size;
    size_t prefix = name_length(text);
    uint8_t *data;
    if (text[0] != '"' && (text[prefix] == '@' || text[prefix] == '{')) {
        const char *type;
        data = memory(text, "bytes", name, &type);
        remember(name, type, data, last_size, 1);
    } else {
        data = string(text, strlen(text));
    }
    inner_size = last_size;
    last_size = before;
    return (uint64_t)(uintptr_t)data;
}

/* One "{...}" without its braces, of type `pointed`, into `data`. */
static void fill(uint8_t *data, const char *pointed, const char *text, size_t length, const char *name)
{
    const char *parts[64];
    size_t lengths[64];
    int count = split(text, length, parts, lengths, 64), position = 0;
    const struct polyglot_struct *structure = find_struct(pointed);
    for (int i = 0; i < count; i++) {
        char value[1024], full[NAME * 2];
        size_t size = type_size(pointed);
        if (lengths[i] >= sizeof value)
            fail("a value is too long");
        memcpy(value, parts[i], lengths[i]);
        value[lengths[i]] = '\0';
        if (structure == NULL) {
            uint64_t element = number(value);
            memcpy(data + (size_t)i * size, &element, size);
            continue;
        }
        const char *text_of = value;
        size_t prefix = name_length(value);
        if (prefix > 0 && value[prefix] == '=') {
            position = (int)(find_field(structure, value, prefix) - structure->fields);
            text_of = value + prefix + 1;
        }
        if (position >= structure->count)
            fail("struct %s has only %d fields", pointed, structure->count);
        const struct polyglot_field *field = &structure->fields[position++];
        uint8_t *at = data + field->offset;
        snprintf(full, sizeof full, "%s.%s", name, field->name);
        if (!strcmp(field->type, "char")) {
            uint64_t before = last_size;
            const uint8_t *bytes = string(text_of, strlen(text_of));
            memcpy(at, bytes, last_size);
            last_size = before;
        } else if (!strcmp(field->type, "ptr")) {
            uint64_t address = pointer(text_of, full);
            memcpy(at, &address, 8);
        } else if (text_of[0] == '{') {
            fill(at, field->type, text_of + 1, strlen(text_of) - 2, full);
        } else {
            if (!strcmp(text_of, "#"))
                last_size = inner_size;
            uint64_t element = number(text_of);
            memcpy(at, &element, field->size);
        }
    }
}

/* The length of a "{...}" at `text`. */
static size_t braces(const char *text)
{
    int depth = 0, quoted = 0;
    for (size_t i = 0; text[i] != '\0'; i++) {
        if (text[i] == '"' && text[i - 1] != '\\')
            quoted = !quoted;
        if (!quoted)
            depth += (text[i] == '{') - (text[i] == '}');
        if (depth == 0)
            return i + 1;
    }
    fail("'%s': a brace is missing", text);
    return 0;
}

static uint8_t *strings(const char *text, size_t length)
{
    const char *parts[64];
    size_t lengths[64];
    int count = split(text, length, parts, lengths, 64);
    uint8_t *data = allocate(8 * ((size_t)count + 1));
    for (int i = 0; i < count; i++) {
        uint64_t address = (uint64_t)(uintptr_t)string(parts[i], lengths[i]);
        memcpy(data + 8 * i, &address, 8);
    }
    return data;
}

/* "T@N", "@", "T{..}{..}": new memory; its type in *type. */
static uint8_t *memory(const char *text, const char *pointed, const char *name, const char **type)
{
    size_t prefix = name_length(text);
    char own[NAME];
    snprintf(own, sizeof own, "%.*s", (int)(prefix > 0 ? prefix : strlen(pointed)), prefix > 0 ? text : pointed);
    *type = type_name(own);
    text += prefix;
    size_t size = type_size(*type), count = 0;
    if (text[0] == '@')
        return allocate(size * (text[1] != '\0' ? number(text + 1) : 1));
    if (!strcmp(*type, "strings"))
        return strings(text + 1, braces(text) - 2);
    if (find_struct(*type) == NULL) {
        const char *parts[64];
        size_t lengths[64];
        uint8_t *data = allocate(size * (size_t)split(text + 1, braces(text) - 2, parts, lengths, 64));
        uint64_t whole = last_size;
        fill(data, *type, text + 1, braces(text) - 2, name);
        last_size = whole;
        return data;
    }
    for (const char *at = text; *at == '{'; at += braces(at))
        count++;
    uint8_t *data = allocate(size * count);
    uint64_t whole = last_size;
    for (size_t i = 0; i < count; i++) {
        char full[NAME * 2];
        snprintf(full, sizeof full, count > 1 ? "%s[%zu]" : "%s", name, i);
        fill(data + i * size, *type, text + 1, braces(text) - 2, full);
        text += braces(text);
    }
    last_size = whole;
    return data;
}

static uint64_t argument_word(const struct polyglot_argument *argument, const char *text)
{
    int is_string = argument->kind == KIND_PATH || argument->kind == KIND_STRING;
    int may_point = !is_scalar(argument) || argument->kind == KIND_ANY;
    size_t prefix = name_length(text);
    if (may_point && !is_string && text[0] != '"' && (text[prefix] == '@' || text[prefix] == '{')) {
        const char *type;
        uint8_t *data = memory(text, argument->pointed[0] != '\0' ? argument->pointed : "bytes", argument->name, &type);
        remember(argument->name, type, data, last_size, argument->kind != KIND_IN);
        return (uint64_t)(uintptr_t)data;
    }
    if (is_scalar(argument) && !(argument->kind == KIND_ANY && text[0] == '"'))
        return number(text + (text[0] == '&'));
    if (!strcmp(text, "NULL"))
        return 0;
    if (text[0] == '&')
        return number(text + 1);
    uint8_t *data = string(text, strlen(text));
    if (!is_string)
        remember(argument->name, "bytes", data, last_size, 0);
    return (uint64_t)(uintptr_t)data;
}

/* ---- printing ---- */

static void print_bytes(const uint8_t *data, size_t size)
{
    putchar('"');
    for (size_t i = 0; i < size; i++)
        if (data[i] >= ' ' && data[i] < 127 && data[i] != '"' && data[i] != '\\')
            putchar(data[i]);
        else
            printf("\\x%02x", data[i]);
    putchar('"');
}

static void print_value(const char *type, const uint8_t *data);

static void print_field(const struct polyglot_field *field, const uint8_t *data)
{
    size_t count = field->count > 0 ? field->count : 1;
    printf("%s=", field->name);
    if (!strcmp(field->type, "char")) {
        print_bytes(data + field->offset, strnlen((const char *)data + field->offset, count));
        return;
    }
    if (field->count > 0)
        putchar('[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            putchar(' ');
        print_value(field->type, data + field->offset + i * field->size);
    }
    if (field->count > 0)
        putchar(']');
}

static void print_value(const char *type, const uint8_t *data)
{
    const struct polyglot_struct *structure = find_struct(type);
    if (structure == NULL) {
        uint64_t value = load_typed(type, data);
        if (!strcmp(type, "mode"))
            printf("0%llo", (unsigned long long)value);
        else if (!strcmp(type, "ptr") || !strcmp(type, "address") || !strncmp(type, "flags", 5))
            printf("0x%llx", (unsigned long long)value);
        else if (find_type(type)->is_signed)
            printf("%lld", (long long)value);
        else
            printf("%llu", (unsigned long long)value);
        return;
    }
    putchar('{');
    for (int i = 0; i < structure->count; i++) {
        if (i > 0)
            printf(", ");
        print_field(&structure->fields[i], data);
    }
    putchar('}');
}

/* How much of a buffer the call has filled. */
static size_t filled(const struct shown *shown)
{
    int is_bytes = !strcmp(shown->type, "bytes");
    if (!is_bytes || step->row->kind != KIND_SIZE || strchr(shown->name, '.') != NULL)
        return shown->size;
    return step->result < 0 ? 0 : (size_t)step->result < shown->size ? (size_t)step->result : shown->size;
}

static void print_shown(const struct shown *shown)
{
    printf("%s = ", shown->name);
    if (!strcmp(shown->type, "bytes")) {
        print_bytes(shown->data, filled(shown));
    } else {
        size_t size = type_size(shown->type);
        for (size_t i = 0; i + size <= shown->size; i += size) {
            if (i > 0)
                putchar(' ');
            print_value(shown->type, shown->data + i);
        }
    }
    putchar('\n');
}

/* Upper-half addresses are results, too. */
static int is_error(int64_t result)
{
    return result < 0 && result > -4096;
}

static void print_result(void)
{
    if (is_error(step->result) && polyglot_error_name(-step->result) != NULL)
        printf("%s\n", polyglot_error_name(-step->result));
    else
        printf(step->row->kind == KIND_ADDRESS ? "0x%llx\n" : "%lld\n", (long long)step->result);
}

static void print_hex(int index)
{
    printf("r %d %lld\n", index, (long long)step->result);
    for (int i = 0; i < step->count; i++) {
        if (!step->printed[i])
            continue;
        printf("o %d %s ", index, step->shown[i].name);
        for (size_t at = 0; at < step->shown[i].size; at++)
            printf("%02x", step->shown[i].data[at]);
        printf("\n");
    }
}

/* ---- calls ---- */

/* Reads the words of a call behind its label, and makes it. */
static void make_call(char **words, int count)
{
    step->row = find_row(words[0]);
    if (step->row == NULL || step->row->count < 0)
        fail("no call is named '%s'; syscall --list has them", words[0]);
    if (count - 1 != step->row->count)
        fail("%s takes %d arguments, not %d; syscall --help %s", words[0], step->row->count, count - 1, words[0]);
    uint64_t values[6] = { 0 };
    last_size = inner_size = 0;
    for (int i = 0; i < step->row->count; i++)
        values[i] = argument_word(&step->row->arguments[i], words[i + 1]);
    fflush(stdout);
    step->result = polyglot_call(step->row->number, values);
}

/* Splits a line at blanks outside of quotes and braces. */
static int words_of(char *line, char **words, int most)
{
    int count = 0;
    while (count < most) {
        line += strspn(line, " \t\n");
        if (*line == '\0')
            break;
        words[count++] = line;
        int depth = 0, quoted = 0;
        for (; *line != '\0' && (quoted || depth > 0 || strchr(" \t\n", *line) == NULL); line++) {
            if (*line == '"' && line[-1] != '\\')
                quoted = !quoted;
            if (!quoted)
                depth += (*line == '{') - (*line == '}');
        }
        if (*line != '\0')
            *line++ = '\0';
    }
    return count;
}

static int makes_child(const struct step *of)
{
    return of->result == 0 && (of->row->number == SYS_fork || of->row->number == SYS_clone || of->row->number == SYS_clone3);
}

static int run_script(int hex)
{
    static char line[8192];
    char *words[16];
    int in_child = 0;
    for (int index = 0; fgets(line, sizeof line, stdin) != NULL;) {
        int count = words_of(line, words, 16), first = 0;
        if (count == 0 || words[0][0] == '#')
            continue;
        int child = !strcmp(words[0], "|");
        first += child;
        if (index == MOST_STEPS)
            fail("a script has at most %d calls", MOST_STEPS);
        step = &steps[index++];
        step_count = index;
        if (child != in_child) {
            if (in_child)
                _exit(0);
            continue;
        }
        size_t length = strlen(words[first]);
        if (words[first][length - 1] == ':')
            snprintf(step->label, NAME, "%.*s", (int)(length - 1), words[first++]);
        make_call(words + first, count - first);
        if (makes_child(step))
            in_child = 1;
        if (in_child)
            continue;
        if (hex) {
            print_hex(index - 1);
            continue;
        }
        printf("%s%s%s = ", step->label, step->label[0] ? ": " : "", step->row->name);
        print_result();
        for (int i = 0; i < step->count; i++)
            if (step->printed[i]) {
                printf("  ");
                print_shown(&step->shown[i]);
            }
    }
    fflush(stdout);
    if (in_child)
        _exit(0);
    return 0;
}

static int run_one(char **words, int count, const char *raw, int hex)
{
    step = &steps[0];
    step_count = 1;
    make_call(words, count);
    if (hex) {
        print_hex(0);
        return 0;
    }
    if (is_error(step->result)) {
        const char *name = polyglot_error_name(-step->result);
        fprintf(stderr, "%s\n", name != NULL ? name : "an error without a name");
        return 1;
    }
    if (raw != NULL) {
        const struct shown *shown = find_shown(step, raw, strlen(raw));
        fwrite(shown->data, 1, filled(shown), stdout);
        return 0;
    }
    print_result();
    for (int i = 0; i < step->count; i++)
        if (step->printed[i])
            print_shown(&step->shown[i]);
    return 0;
}

static void print_kind(const struct polyglot_argument *argument)
{
    static const char *const names[] = { "a path", "a string", "a pointer", "read", "written", "read and written" };
    if (is_scalar(argument))
        printf("%s", argument->set != NULL ? "" : "a number");
    else
        printf("%s", names[argument->kind - KIND_PATH]);
    if (argument->pointed[0] != '\0')
        printf(": %s", argument->pointed);
    for (int i = 0; argument->set != NULL && i < argument->set->count; i++)
        printf("%s%s", i == 0 ? "" : argument->set->is_enum ? " or " : " | ", argument->set->constants[i].name);
}

static int describe(const char *name)
{
    const struct polyglot_row *row = find_row(name);
    if (row == NULL || row->count < 0)
        fail("no call is named '%s'; syscall --list has them", name);
    printf("%s (%d)\n", row->name, row->number);
    for (int i = 0; i < row->count; i++) {
        printf("  %-12s ", row->arguments[i].name);
        print_kind(&row->arguments[i]);
        printf("\n");
    }
    return 0;
}

static int list(void)
{
    for (size_t i = 0; i < sizeof polyglot_rows / sizeof *polyglot_rows; i++)
        if (polyglot_rows[i].count >= 0)
            printf("%s\n", polyglot_rows[i].name);
    return 0;
}

int main(int count, char **words)
{
    const char *raw = NULL;
    int hex = 0;
    for (words++, count--; count > 0 && words[0][0] == '-' && words[0][1] == '-'; words++, count--) {
        if (!strcmp(words[0], "--help") && count > 1)
            return describe(words[1]);
        if (!strcmp(words[0], "--help"))
            return fputs(HELP, stdout) < 0;
        if (!strcmp(words[0], "--list"))
            return list();
        if (!strcmp(words[0], "--hex"))
            hex = 1;
        else if (!strcmp(words[0], "--raw") && count > 1)
            raw = *++words, count--;
        else
            fail("what is '%s'? syscall --help", words[0]);
    }
    if (count == 0) {
        fputs(HELP, stderr);
        return 2;
    }
    return strcmp(words[0], "-") ? run_one(words, count, raw, hex) : run_script(hex);
}
