/*
 * Unloading a module: refused while others use what it defines, unless forced; then its names mean nothing, its exit
 * functions run under a guard, and its memory goes when no thread is in it any more (live_module_on_old).
 */
#include <abi/errno.h>
#include <live/linker.h>

/* A use by another module, unless that one is left over from before a replacement: no name leads to its code. */
LOCAL bool live_use_counts(const struct live_use *use, const struct live_module *leaving)
{
    const struct live_module *user = use->module;
    return user != leaving && user->state <= LIVE_MODULE_LOADED
           && (!list_is_empty(&user->defined) || user->holders != 0 || user->published == 0);
}

LOCAL unsigned live_unload_tell_users(const struct live_module *module, const struct live_symbol *symbol, struct message *message)
{
    unsigned users = 0;
    list_for_each(node, &symbol->users) {
        const struct live_use *use = container_of(node, struct live_use, symbol_link);
        if (!live_use_counts(use, module))
            continue;
        message_add(message, "%s is used by %s (module %llu)", symbol->name, use->module->name, (unsigned long long)use->module->id);
        users++;
    }
    return users;
}

LOCAL unsigned live_unload_count_users(const struct live_module *module, struct message *message)
{
    unsigned users = 0;
    list_for_each(node, &module->defined)
        users += live_unload_tell_users(module, container_of(node, struct live_symbol, module_link), message);
    list_for_each(node, &module->stored) {
        const struct live_symbol *symbol = container_of(node, struct live_symbol, storage_link);
        if (symbol->module == module)
            continue;
        users += live_unload_tell_users(module, symbol, message);
        message_add(message, "%s, which %s (module %llu) defines now, is kept where it was: in this module", symbol->name,
                    symbol->module->name, (unsigned long long)symbol->module->id);
        users++;
    }
    return users;
}

/* Modules that may have lost their last name with another one's. More are found by live_module_for_each_old(). */
#define UNLOAD_OTHERS 16
struct live_unload_others {
    uint64_t ids[UNLOAD_OTHERS];
    unsigned count;
};

LOCAL void live_unload_undefine(struct live_module *module, struct live_unload_others *others)
{
    while (!list_is_empty(&module->defined)) {
        struct live_symbol *symbol = container_of(module->defined.next, struct live_symbol, module_link);
        if (symbol->storage != module && symbol->storage != NULL && others->count < UNLOAD_OTHERS)
            others->ids[others->count++] = symbol->storage->id;
        live_symbol_define(symbol, NULL, NULL, 0);
    }
    while (!list_is_empty(&module->stored))
        live_symbol_define(container_of(module->stored.next, struct live_symbol, storage_link), NULL, NULL, 0);
}

/* `drivers`: how many of its holders are its own drivers, which go with it. */
LOCAL int live_unload_begin(uint64_t id, bool force, unsigned drivers, struct live_module **found, struct message *message)
{
    struct live_module *module = live_module_by_id(id);
    *found = module;
    if (module == NULL || module->state > LIVE_MODULE_LOADED) {
        message_add(message, "there is no module %llu", (unsigned long long)id);
        return -ENOENT;
    }
    if (module->state == LIVE_MODULE_LOADING) {
        message_add(message, "module %llu is being loaded", (unsigned long long)id);
        return -EBUSY;
    }
    if (module->holders > drivers) {
        message_add(message, "%s (module %llu) is held: by a replacement, or a table that the kernel keeps (operations in /dev, a terminal's "
                    "port: tty_detach(), a sink of the log: klog_remove_sink(), writers of reports: report_set_live(NULL))", module->name, (unsigned long long)id);
        return -EBUSY;
    }
    if (!force && live_unload_count_users(module, message) + live_module_is_entered(id, message) != 0)
        return -EBUSY;
    /* Until its drivers have left and its exit functions have run it is not freed. */
    module->state = LIVE_MODULE_LOADING;
    return 0;
}

int live_unload_ask(uint64_t id, struct message *message)
{
    mutex_lock(&live_mutex);
    const struct live_module *module = live_module_by_id(id);
    if (module != NULL)
        (void)live_unload_count_users(module, message);
    mutex_unlock(&live_mutex);
    return module == NULL ? -ENOENT : 0;
}

int live_unload(uint64_t id, bool force, struct message *message)
{
    struct live_module *module;
    struct live_unload_others others = { .count = 0 };
    const struct live_driver_hooks *hooks = live_driver_hooks();
    unsigned drivers = hooks == NULL ? 0 : hooks->count(id);
    if (force && live_stop_threads_of(id, message) != 0)
        return -EBUSY;
    mutex_lock(&live_mutex);
    int error = live_unload_begin(id, force, drivers, &module, message);
    mutex_unlock(&live_mutex);
    if (error != 0)
        return error;
    if (drivers != 0)
        hooks->remove(id); /* they use its names until they are gone */
    live_cancel_timers(id); /* while names lead to their functions */
    mutex_lock(&live_mutex);
    live_unload_undefine(module, &others);
    mutex_unlock(&live_mutex);
    (void)!live_module_run(module->fini, module->fini_count, "exit", message);
    mutex_lock(&live_mutex);
    module->state = LIVE_MODULE_UNLOADED;
    mutex_unlock(&live_mutex);
    live_module_check_old(id);
    for (unsigned i = 0; i < others.count; i++)
        live_module_check_old(others.ids[i]);
    return 0;
}
