/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* What happened last: one ring of events for all hosts. */

#include "warden-table-private.h"

void table_event_add(struct warden_table *table,
		     const struct table_place *place, unsigned int class,
		     unsigned int protocol, uint32_t points, uint64_t now)
{
	uint64_t index = atomic_fetch_add_explicit(&table->header->events_next,
						   1, memory_order_relaxed);

	atomic_store_explicit(
		&table->header->events[index % WARDEN_EVENTS],
		warden_word_pack(place->tag,
				 warden_event_pack((uint32_t)(now / 1000),
						   class, protocol, points)),
		memory_order_relaxed);
}

void warden_table_add_event(struct warden_table *table,
			    const struct warden_host *host,
			    enum warden_class class,
			    enum warden_protocol protocol, uint32_t points,
			    uint64_t now)
{
	struct table_place place = table_place_of(table, host);

	table_event_add(table, &place, class, protocol, points, now);
}

unsigned int warden_table_events(const struct warden_table *table,
				 const struct warden_host *host, uint64_t now,
				 struct warden_event *events_r,
				 unsigned int room)
{
	struct table_place place = table_place_of(table, host);
	uint64_t next = atomic_load_explicit(&table->header->events_next,
					     memory_order_relaxed);
	unsigned int count = 0;

	for (uint64_t i = 1; i <= WARDEN_EVENTS && count < room; i++) {
		uint64_t value = warden_word_value(
			atomic_load_explicit(
				&table->header
					 ->events[(next - i) % WARDEN_EVENTS],
				memory_order_relaxed),
			place.tag);

		if (value == 0)
			continue;
		events_r[count++] = (struct warden_event){
			.age_secs = ((uint32_t)(now / 1000) -
				     (uint32_t)(value >> 19)) &
				    WARDEN_EVENT_SECS_MASK,
			.class = (value >> 15) & 15,
			.protocol = (value >> 11) & 15,
			.points = value & WARDEN_EVENT_POINTS_MAX,
		};
	}
	return count;
}
