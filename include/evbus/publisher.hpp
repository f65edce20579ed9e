// Publishing into the ring.
#pragma once

#include <evbus/bus.hpp>
#include <evbus/codec.hpp>
#include <evbus/detail/probe.hpp>
#include <evbus/published.hpp>
#include <evbus/ring/pen.hpp>
#include <evbus/slot_writer.hpp>
#include <evbus/topic.hpp>

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace evbus {
inline namespace v1 {

struct publisher_options {
    std::string name = "publisher"; ///< 1-39 bytes, for people: evctl info, the log's MEMBER records
    notice_hook on_notice{};        ///< called on the publishing thread
};

/// A place from which to publish. One thread at a time; movable. Publishing never throws and never
/// allocates, whatever it is given; it makes no system call unless it must wait or somebody sleeps.
class publisher {
public:
    using options = publisher_options;

    /// Joins the bus as a participant. Throws evbus::error: permission (a reader's rights do not
    /// publish), exhausted, bad_name, busy (the bus is exclusive and has its publisher).
    explicit publisher(const bus& on, options how = {}) : p_(std::make_unique<state>(on, std::move(how))) {}

    /// Publishes, waiting as the bus's pacing says: never in `overwrite`; for a recorder that lives and
    /// moves in `paced`; without end in `strict`.
    published publish(const topic& to, std::span<const std::byte> payload, const publish_options& with = {}) noexcept {
        return p_->pen.publish(to, payload, with, ring::wait_forever);
    }
    /// As publish, but never waits.
    published try_publish(const topic& to, std::span<const std::byte> payload, const publish_options& with = {}) noexcept {
        return p_->pen.publish(to, payload, with, ring::wait_never);
    }
    /// As publish, but waits for at most `limit`.
    published publish_for(std::chrono::nanoseconds limit, const topic& to, std::span<const std::byte> payload,
                          const publish_options& with = {}) noexcept {
        return p_->pen.publish(to, payload, with, std::max<std::int64_t>(limit.count(), 0));
    }
    published publish(const topic& to, std::string_view payload, const publish_options& with = {}) noexcept {
        return publish(to, std::as_bytes(std::span(payload)), with);
    }
    published try_publish(const topic& to, std::string_view payload, const publish_options& with = {}) noexcept {
        return try_publish(to, std::as_bytes(std::span(payload)), with);
    }
    published publish_for(std::chrono::nanoseconds limit, const topic& to, std::string_view payload,
                          const publish_options& with = {}) noexcept {
        return publish_for(limit, to, std::as_bytes(std::span(payload)), with);
    }
    /// A trivially copyable struct as it lies in memory, or what codec<T> encodes (that one allocates
    /// its scratch space, and may throw what the codec throws).
    template <class T>
        requires detail::plain_payload<T> || detail::has_codec<T>
    published publish(const topic& to, const T& value, const publish_options& with = {}) {
        if constexpr (detail::has_codec<T>) {
            p_->scratch.resize(codec<T>::size(value));
            codec<T>::encode(value, p_->scratch);
            return publish(to, std::span<const std::byte>(p_->scratch), with);
        } else {
            return publish(to, std::as_bytes(std::span(&value, 1)), with);
        }
    }

    /// Publishes in order, waiting as publish does; stops at the first event that cannot be published, and
    /// says how many were. Others' events may come in between.
    published_batch publish_batch(std::span<const outgoing> events) noexcept {
        return p_->pen.publish_batch(events, ring::wait_forever);
    }
    /// As publish_batch, but never waits.
    published_batch try_publish_batch(std::span<const outgoing> events) noexcept {
        return p_->pen.publish_batch(events, ring::wait_never);
    }
    /// As publish_batch, but waits for at most `limit` in all.
    published_batch publish_batch_for(std::chrono::nanoseconds limit, std::span<const outgoing> events) noexcept {
        return p_->pen.publish_batch(events, std::max<std::int64_t>(limit.count(), 0));
    }

    /// Claims a slot to write up to `bytes` of payload into, waiting as publish does; too_large when it does
    /// not fit into one slot with its topic and headers. Until that is committed or dropped this handle
    /// publishes nothing else (claim_open).
    [[nodiscard]] slot_writer claim(const topic& to, std::size_t bytes, const publish_options& with = {}) noexcept {
        return claim_within(ring::wait_forever, to, bytes, with);
    }
    /// As claim, but never waits.
    [[nodiscard]] slot_writer try_claim(const topic& to, std::size_t bytes, const publish_options& with = {}) noexcept {
        return claim_within(ring::wait_never, to, bytes, with);
    }

    /// Largest payload on `to` with `headers_bytes` of headers: 16 MiB or a quarter of the ring, if less.
    [[nodiscard]] std::size_t max_event(const topic& to, std::size_t headers_bytes = 0) const noexcept {
        return p_->pen.max_event(to.words().size_bytes(), headers_bytes);
    }
    [[nodiscard]] member_no number() const noexcept { return p_->pen.number(); }
    /// Events published through this handle.
    [[nodiscard]] std::uint64_t count() const noexcept { return p_->pen.events(); }
    /// Times the bus's other members stepped over a slot of this handle while it was being written.
    [[nodiscard]] std::uint64_t given_back() const noexcept { return p_->pen.given_back(); }

private:
    struct state {
        state(const bus& on, options how)
            : pen(on.attach(ring::access::read_write), how.name, std::move(how.on_notice)), slot(pen.at().shape().slot_bytes() / 8) {}
        ring::pen pen;
        std::vector<std::uint64_t> slot;   ///< for a slot_writer that was stepped over
        std::vector<std::byte> scratch;    ///< for what codecs encode
    };

    slot_writer claim_within(std::int64_t limit, const topic& to, std::size_t bytes, const publish_options& with) noexcept {
        const publish_status status = p_->pen.open(to, bytes, with, limit);
        return {status == publish_status::published ? &p_->pen : nullptr, status, p_->slot, bytes};
    }

    std::unique_ptr<state> p_;
};

} // namespace v1
} // namespace evbus
