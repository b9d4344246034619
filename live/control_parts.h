/* For those who have rows in the table of live/control.c: texts of the caller. */
#ifndef LIVE_CONTROL_PARTS_H
#define LIVE_CONTROL_PARTS_H

#include <live/control.h>
#include <live/message.h>

/* 0, -ENAMETOOLONG, -EFAULT. */
MUST_CHECK int live_control_copy_name(struct live_text text, char name[LIVE_NAME_SIZE]);
/* Writes the message to the caller, cut off where its buffer ends. 0 or -EFAULT. */
MUST_CHECK int live_control_say(struct live_text to, struct message *message);

#endif
