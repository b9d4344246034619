/*
 * Where the parts of a load lie: three segments (text, read-only data, data), each with its sections in the objects' order.
 * At the end of the read-only data the GOT; in the data what has content, then what begins as zeroes, then common
 * symbols. The segments are neighbours in the live area.
 */
#include <abi/errno.h>
#include <live/control.h>
#include <live/link.h>

#define TEXT_ALIGNMENT 16

/* Room for `size` bytes at the end of a segment; LINK_NO_OFFSET: it grows too large. */
LOCAL uint64_t link_append(struct link *link, unsigned segment, uint64_t size, uint64_t alignment)
{
    uint64_t offset = ALIGN_UP(link->sizes[segment], alignment);
    if (size > LINK_SEGMENT_MAX || offset > LINK_SEGMENT_MAX - size)
        return LINK_NO_OFFSET;
    link->sizes[segment] = offset + size;
    return offset;
}

/* The sections with content, or those without. */
LOCAL bool link_place_sections(struct link *link, bool with_content)
{
    for (size_t i = 0; i < link->object_count; i++) {
        struct link_object *object = link->objects[i];
        for (uint32_t number = 1; number < object->object.section_count; number++) {
            const struct elf64_section *header = &object->object.sections[number];
            struct link_section *section = &object->sections[number];
            if (!section->wanted || (header->type != SECTION_NOBITS) != with_content)
                continue;
            uint64_t alignment = section->segment == LIVE_RANGE_TEXT ? MAX(header->alignment, TEXT_ALIGNMENT) : header->alignment;
            section->offset = link_append(link, section->segment, header->size, alignment);
            if (section->offset == LINK_NO_OFFSET)
                return false;
        }
    }
    return true;
}

LOCAL bool link_place_common(struct link *link)
{
    for (struct link_name *name = link->names; name != NULL; name = name->next) {
        if (name->object == NULL || name->common_alignment == 0)
            continue;
        name->common_offset = link_append(link, LIVE_RANGE_DATA, name->size, name->common_alignment);
        if (name->common_offset == LINK_NO_OFFSET)
            return false;
    }
    return true;
}

LOCAL int link_reserve(struct link *link)
{
    struct live_module *module = link->module;
    uint64_t pages[LIVE_RANGE_COUNT], total = 0;
    for (unsigned i = 0; i < LIVE_RANGE_COUNT; i++) {
        pages[i] = ALIGN_UP(link->sizes[i], PAGE_SIZE) >> PAGE_SHIFT;
        total += pages[i];
        module->size += link->sizes[i];
    }
    if (total == 0)
        return 0;
    module->reserved = live_area_reserve(total);
    if (module->reserved == 0) {
        message_add(link->message, "the live area is full: no room for %llu KiB", (unsigned long long)total * 4);
        return -ENOMEM;
    }
    module->reserved_pages = total;
    vaddr_t next = module->reserved;
    for (unsigned i = 0; i < LIVE_RANGE_COUNT; i++) {
        link->bases[i] = next;
        if (pages[i] != 0)
            module->ranges[i] = (struct live_range){ .start = next, .pages = pages[i], .kind = i, .module = module };
        next += pages[i] * PAGE_SIZE;
    }
    return 0;
}

int link_lay_out(struct link *link)
{
    bool fits = link_place_sections(link, true);
    link->got_offset = link_append(link, LIVE_RANGE_RODATA, link->got_count * sizeof(uint64_t), sizeof(uint64_t));
    fits = fits && link->got_offset != LINK_NO_OFFSET;
    for (unsigned i = 0; i < LIVE_RANGE_COUNT; i++)
        link->image_sizes[i] = link->sizes[i];
    if (!fits || !link_place_sections(link, false) || !link_place_common(link)) {
        message_add(link->message, "the module is larger than 256 MiB");
        return -ENOMEM;
    }
    for (unsigned i = 0; i < LIVE_RANGE_COUNT; i++) {
        if (link->image_sizes[i] == 0)
            continue;
        link->images[i] = live_allocate(link->image_sizes[i]);
        if (link->images[i] == NULL)
            return -ENOMEM;
    }
    return link_reserve(link);
}
