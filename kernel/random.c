/*
 * The random generator: ChaCha20 with fast key erasure.
 *
 * The state is one 32-byte key. Each request runs one block: half of it replaces
 * the key at once, so that a later look at memory does not reveal earlier
 * output; the other half is the answer, or the key of a stream for a long one.
 * Fresh entropy is mixed in by key = BLAKE2s(key, entropy), which cannot lose
 * what was there. Sources: RDSEED and RDRAND where the CPU has them, the jitter
 * of the TSC over memory accesses, what the loader measured, the date, and the
 * times of interrupts.
 *
 * Left out: an estimate of entropy. Without RDSEED and RDRAND the seed at boot
 * rests on timing alone.
 */
#include <arch/x86_64/cpu.h>
#include <arch/x86_64/entropy.h>
#include <kernel/log.h>
#include <kernel/main.h>
#include <kernel/random.h>
#include <kernel/sched/lock.h>
#include <kernel/time/time.h>
#include <lib/blake2s.h>
#include <lib/chacha20.h>
#include <lib/string.h>

#define HARDWARE_WORDS   8    /* 64-bit words from each instruction */
#define HARDWARE_RETRIES 16
#define JITTER_SAMPLES   1024
#define INTERRUPTS_TO_MIX 64  /* interrupts collected before they are worth a hash */

/* Interrupt times of one CPU. Written without a lock: a lost update loses nothing that matters. */
struct random_interrupt_pool { uint64_t words[4]; uint32_t count; };

static struct spinlock random_lock = SPINLOCK_INIT("random", LOCK_RANK_LEAF);
static uint8_t random_key[CHACHA20_KEY_SIZE]; /* random_lock */
static struct random_interrupt_pool random_pools[MAX_CPUS];

/* Overwrites a secret; the barrier keeps the compiler from dropping the store. */
LOCAL void random_wipe(void *secret, size_t size)
{
    memset(secret, 0, size);
    __asm__ volatile("" : : "r"(secret) : "memory");
}

/* Takes the 64-bit words that one instruction gives; fewer when it has none. */
LOCAL void random_hash_hardware(struct blake2s *hash, bool (*instruction)(uint64_t *value))
{
    for (int i = 0; i < HARDWARE_WORDS; i++) {
        uint64_t word;
        for (int retry = 0; retry < HARDWARE_RETRIES; retry++) {
            if (instruction(&word)) {
                blake2s_update(hash, &word, sizeof(word));
                break;
            }
        }
    }
}

LOCAL bool random_rdseed(uint64_t *value) { return entropy_rdseed(value); }
LOCAL bool random_rdrand(uint64_t *value) { return entropy_rdrand(value); }

/* Durations of dependent memory accesses, which caches, refresh and interrupts disturb. */
LOCAL void random_hash_jitter(struct blake2s *hash)
{
    volatile uint8_t *memory = (volatile uint8_t *)&boot_info;
    uint32_t position = 0;
    uint64_t before = tsc_read();
    for (int i = 0; i < JITTER_SAMPLES; i++) {
        position = (position * 61 + memory[position] + (uint32_t)before) % (uint32_t)sizeof(boot_info);
        uint64_t now = tsc_read();
        uint16_t delta = (uint16_t)(now - before);
        blake2s_update(hash, &delta, sizeof(delta));
        before = now;
    }
}

/* key = BLAKE2s(key, what `hash` was given after the key). Lock held. */
LOCAL void random_begin_mix_locked(struct blake2s *hash)
{
    blake2s_init(hash);
    blake2s_update(hash, random_key, sizeof(random_key));
}

LOCAL void random_end_mix_locked(struct blake2s *hash)
{
    blake2s_final(hash, random_key);
    random_wipe(hash, sizeof(*hash));
}

void random_add(const void *data, size_t size)
{
    struct blake2s hash;
    irq_flags_t flags = spin_lock_irq(&random_lock);
    random_begin_mix_locked(&hash);
    blake2s_update(&hash, data, size);
    random_end_mix_locked(&hash);
    spin_unlock_irq(&random_lock, flags);
}

void random_add_interrupt(uint64_t value)
{
    struct random_interrupt_pool *pool = &random_pools[this_cpu()->id];
    uint64_t *word = &pool->words[pool->count % ARRAY_COUNT(pool->words)];
    *word = (*word << 19 | *word >> 45) ^ value ^ tsc_read();
    pool->count++;
}

/* Mixes what interrupts collected, if it is enough. Lock held. */
LOCAL void random_mix_interrupts_locked(void)
{
    struct random_interrupt_pool *pool = &random_pools[this_cpu()->id];
    if (pool->count < INTERRUPTS_TO_MIX)
        return;
    pool->count = 0;
    struct blake2s hash;
    random_begin_mix_locked(&hash);
    blake2s_update(&hash, pool->words, sizeof(pool->words));
    random_end_mix_locked(&hash);
}

/* Runs one block: 32 bytes become the next key, 32 bytes the answer. */
LOCAL void random_draw(uint8_t answer[CHACHA20_KEY_SIZE])
{
    static const uint8_t nonce[CHACHA20_NONCE_SIZE];
    uint8_t block[CHACHA20_BLOCK_SIZE];
    irq_flags_t flags = spin_lock_irq(&random_lock);
    random_mix_interrupts_locked();
    chacha20_block(block, random_key, 0, nonce);
    memcpy(random_key, block, sizeof(random_key));
    spin_unlock_irq(&random_lock, flags);
    memcpy(answer, block + CHACHA20_KEY_SIZE, CHACHA20_KEY_SIZE);
    random_wipe(block, sizeof(block));
}

void random_fill(void *buffer, size_t size)
{
    static const uint8_t nonce[CHACHA20_NONCE_SIZE];
    uint8_t answer[CHACHA20_KEY_SIZE], block[CHACHA20_BLOCK_SIZE];
    uint8_t *to = buffer;
    random_draw(answer);
    if (size <= sizeof(answer)) {
        memcpy(to, answer, size);
    } else {
        /* A stream of its own: others do not wait for the lock meanwhile. Its counter lasts for 256 GiB. */
        for (uint32_t counter = 0; size > 0; counter++) {
            size_t part = MIN(size, sizeof(block));
            chacha20_block(block, answer, counter, nonce);
            memcpy(to, block, part);
            to += part;
            size -= part;
        }
        random_wipe(block, sizeof(block));
    }
    random_wipe(answer, sizeof(answer));
}

uint64_t random_u64(void)
{
    uint64_t value;
    random_fill(&value, sizeof(value));
    return value;
}

void random_init(void)
{
    struct blake2s hash;
    nanos_t date = clock_realtime();
    irq_flags_t flags = spin_lock_irq(&random_lock);
    random_begin_mix_locked(&hash);
    if (cpu_features.rdseed)
        random_hash_hardware(&hash, random_rdseed);
    if (cpu_features.rdrand)
        random_hash_hardware(&hash, random_rdrand);
    random_hash_jitter(&hash);
    blake2s_update(&hash, &date, sizeof(date));
    blake2s_update(&hash, &boot_info, sizeof(boot_info)); /* the loader's times, the memory map */
    random_end_mix_locked(&hash);
    spin_unlock_irq(&random_lock, flags);
    if (!cpu_features.rdseed && !cpu_features.rdrand)
        klog(LOG_NOTICE, "random", "no RDSEED or RDRAND: the seed rests on timing alone");
}
