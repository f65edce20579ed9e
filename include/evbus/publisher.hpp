// Publishing into the ring.
#pragma once

#include <evbus/bus.hpp>
#include <evbus/codec.hpp>
#include <evbus/detail/probe.hpp>
#include <evbus/headers.hpp>
#include <evbus/ring/claimer.hpp>
#include <evbus/ring/clock.hpp>
#include <evbus/ring/doorbell.hpp>
#include <evbus/ring/members.hpp>
#include <evbus/topic.hpp>

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace evbus {
inline namespace v1 {

/// What became of one publish.
enum class publish_status : std::uint8_t {
    published,   ///< it has a seq; everybody sees it
    would_block, ///< try_publish: pacing does not allow it now
    timed_out,   ///< publish_for: pacing did not allow it in time; nothing was published
    too_large,   ///< topic, headers and payload exceed max_event(); see docs/failure-modes.md
    bad_headers, ///< the headers block is not one
    retired,     ///< the ring was closed: open the bus anew
    forked,      ///< this handle belongs to the parent process
    damaged,     ///< the ring's words contradict the protocol; nothing was published
};

[[nodiscard]] constexpr const char* to_string(publish_status s) noexcept {
    switch (s) {
    case publish_status::published: return "published";
    case publish_status::would_block: return "would block";
    case publish_status::timed_out: return "timed out";
    case publish_status::too_large: return "too large";
    case publish_status::bad_headers: return "bad headers";
    case publish_status::retired: return "ring retired";
    case publish_status::forked: return "handle used in a forked child";
    case publish_status::damaged: return "ring damaged";
    }
    return "?";
}

struct published {
    publish_status status = publish_status::damaged;
    seq_t seq = no_seq; ///< the event's seq, when it was published

    [[nodiscard]] explicit operator bool() const noexcept { return status == publish_status::published; }
};

struct publish_options {
    headers_view headers{}; ///< of an evbus::headers, or those of an event that was read
};

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
    /// publish), exhausted, bad_name.
    explicit publisher(const bus& on, options how = {}) : p_(std::make_unique<pen>(on, std::move(how))) {}

    /// Publishes, waiting as the bus's pacing says: never in `overwrite`; for a recorder that lives and
    /// moves in `paced`; without end in `strict`.
    published publish(const topic& to, std::span<const std::byte> payload, const publish_options& with = {}) noexcept {
        return p_->publish(to, payload, with, forever);
    }
    /// As publish, but never waits.
    published try_publish(const topic& to, std::span<const std::byte> payload, const publish_options& with = {}) noexcept {
        return p_->publish(to, payload, with, never);
    }
    /// As publish, but waits for at most `limit`.
    published publish_for(std::chrono::nanoseconds limit, const topic& to, std::span<const std::byte> payload,
                          const publish_options& with = {}) noexcept {
        return p_->publish(to, payload, with, std::max<std::int64_t>(limit.count(), 0));
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

    /// Largest payload on `to` with `headers_bytes` of headers: 16 MiB or a quarter of the ring, if less.
    [[nodiscard]] std::size_t max_event(const topic& to, std::size_t headers_bytes = 0) const noexcept {
        return p_->max_event(to.words().size_bytes(), headers_bytes);
    }
    [[nodiscard]] member_no number() const noexcept { return p_->place.number(); }
    /// Events published through this handle.
    [[nodiscard]] std::uint64_t count() const noexcept { return p_->events; }
    /// Times the bus's other members stepped over a slot of this handle while it was being written.
    [[nodiscard]] std::uint64_t given_back() const noexcept { return p_->given_back; }

private:
    static constexpr std::int64_t forever = -1;
    static constexpr std::int64_t never = -2;

    struct pen {
        pen(const bus& on, options how)
            : at(on.attach(ring::access::read_write)), place(at, ring::member_kind::publisher, how.name),
              claims(*at, place.number(), &on_notice), bell(at->ctl().data_bell), frontier_bell(at->ctl().frontier_bell),
              stamps(at->description().stamps()), on_notice(std::move(how.on_notice)) {
            author = std::uint64_t{place.incarnation()} << 16 | std::uint64_t{to_u16(place.number())} << 48;
            ring::clock_keeper::maintain(at->ring().clock);
            if (place.swept() != 0)
                tell(notice_kind::reaped, std::to_string(place.swept()) + " slots of a dead publisher, whose number this one has now, became voids");
        }

        published publish(const topic& to, std::span<const std::byte> payload, const publish_options& with,
                          std::int64_t limit) noexcept {
            if (at->in_child()) [[unlikely]] return {publish_status::forked};
            const std::span<const std::byte> block = with.headers.block();
            const std::size_t fixed = sizeof(frame_header) + to.words().size_bytes() + block.size();
            if (!block.empty() && !(with.headers.is_whole() && block.size() % 8 == 0)) [[unlikely]] return {publish_status::bad_headers};
            if (fixed + padded8(payload.size()) > at->shape().slot_bytes()) [[unlikely]]
                return publish_large(to, payload, block, limit);
            while (true) {
                // Before the claim: while the slot is claimed and not committed every ns counts, because
                // a reader that polls it then takes the line away from here.
                std::uint64_t time = stamp();
                const ring::claim_status claimed = claims.claim();
                if (claimed != ring::claim_status::claimed) [[unlikely]] {
                    const publish_status status = claim_slow(claimed, limit);
                    if (status != publish_status::published) return {status};
                    time = stamp();
                }
                write(to, block, payload, {}, time);
                if (claims.commit()) [[likely]] break;
                stepped_over();
            }
            return done();
        }

        /// Events larger than a slot: frames of one publisher, which happen at the last one's seq. A
        /// frame that others stepped over sends the whole event again.
        [[gnu::noinline]] published publish_large(const topic& to, std::span<const std::byte> payload,
                                                  std::span<const std::byte> block, std::int64_t limit) noexcept {
            if (payload.size() > max_event(to.words().size_bytes(), block.size()) || payload.empty())
                return {publish_status::too_large};
            const std::size_t each = chunk(to.words().size_bytes());
            const std::int64_t start = limit > 0 ? detail::steady_ns() : 0;
            std::size_t sent = 0;
            while (sent < payload.size()) {
                const std::int64_t left = limit > 0 ? std::max<std::int64_t>(limit - (detail::steady_ns() - start), 0) : limit;
                const publish_status status = claim(left);
                if (status != publish_status::published) return {status};
                const std::size_t room = sent == 0 ? each - block.size() : each;
                const std::span<const std::byte> part = payload.subspan(sent, std::min(room, payload.size() - sent));
                write(to, sent == 0 ? block : std::span<const std::byte>{}, part,
                      {static_cast<std::uint32_t>(payload.size()), static_cast<std::uint32_t>(sent)}, stamp());
                if (claims.commit()) {
                    sent += part.size();
                    bell.ring(place.number());
                    mark(probe::fragment_sent);
                } else {
                    stepped_over();
                    sent = 0;
                }
            }
            return done();
        }

        /// Payload bytes that one frame of a larger event carries, before headers.
        [[nodiscard]] std::size_t chunk(std::size_t topic_bytes) const noexcept {
            return at->shape().slot_bytes() - sizeof(frame_header) - sizeof(fragment_part) - topic_bytes;
        }
        [[nodiscard]] std::size_t max_event(std::size_t topic_bytes, std::size_t headers_bytes) const noexcept {
            const std::size_t fixed = sizeof(frame_header) + topic_bytes + headers_bytes, slot = at->shape().slot_bytes();
            const std::size_t single = fixed < slot ? slot - fixed : 0;
            if (fixed + sizeof(fragment_part) + 8 > slot) return single; // no room for a part beside all that
            return std::max(single, std::min<std::size_t>(max_event_bytes, at->shape().slots() / 4 * chunk(topic_bytes) - headers_bytes));
        }

        /// `published` means: claimed.
        publish_status claim(std::int64_t limit) noexcept {
            const ring::claim_status status = claims.claim();
            if (status == ring::claim_status::claimed) [[likely]] return publish_status::published;
            return claim_slow(status, limit);
        }
        publish_status claim_slow(ring::claim_status status, std::int64_t limit) noexcept;

        void write(const topic& to, std::span<const std::byte> block, std::span<const std::byte> payload,
                   fragment_part part, std::uint64_t time) noexcept {
            constexpr auto relaxed = std::memory_order_relaxed;
            ring::shared_word* words = claims.words();
            std::uint64_t flags = part.total != 0 ? frame_flags::fragment : 0;
            if (!block.empty()) flags |= frame_flags::headers;
            words[1].store(to.hash(), relaxed);
            words[2].store(time, relaxed);
            words[3].store(author | payload.size() | std::uint64_t{to.text().size()} << 32 | flags << 40, relaxed);
            mark(probe::header_stored);
            ring::shared_word* at_word = words + 4;
            if (part.total != 0) {
                std::uint64_t word;
                std::memcpy(&word, &part, sizeof word);
                at_word++->store(word, relaxed);
            }
            if (!block.empty()) at_word += ring::store_bytes(at_word, block);
            ring::store_words(at_word, to.words());
            mark(probe::topic_stored);
            ring::store_bytes(at_word + to.words().size(), payload);
            mark(probe::frame_stored);
        }
        [[nodiscard]] std::uint64_t stamp() const noexcept {
            if (stamps == ring::stamp_mode::counter) [[likely]] return detail::read_counter();
            return stamps == ring::stamp_mode::none ? 0 : static_cast<std::uint64_t>(detail::wall_ns());
        }
        published done() noexcept {
            const seq_t seq = claims.seq();
            bell.ring(place.number());
            ring::member_entry& entry = place.entry();
            entry.position.store(seq, std::memory_order_relaxed);
            entry.events.store(++events, std::memory_order_relaxed);
            mark(probe::position_stored);
            if (seq % 65536 == 0) [[unlikely]] ring::clock_keeper::maintain(at->ring().clock);
            return {publish_status::published, seq};
        }
        [[gnu::noinline]] void stepped_over() noexcept {
            ++given_back;
            bell.ring(place.number());
            tell(notice_kind::given_back, "this publisher was stepped over while it wrote; it publishes again", claims.seq());
        }
        void tell(notice_kind kind, const char* text, seq_t seq = no_seq) noexcept {
            try {
                if (on_notice) on_notice({kind, text, seq, place.number()});
            } catch (...) { // a hook that throws must not take the publisher with it
            }
        }
        void tell(notice_kind kind, const std::string& text) noexcept { tell(kind, text.c_str()); }

        std::shared_ptr<ring::attachment> at;
        ring::membership place;
        ring::claimer claims;
        ring::doorbell bell;
        ring::doorbell frontier_bell;
        ring::stamp_mode stamps;
        std::uint64_t author = 0;
        std::uint64_t events = 0;
        std::uint64_t given_back = 0;
        ring::slot_word blocking{};        ///< the unfinished word at the frontier, while waiting
        std::int64_t blocking_since_ns = 0;
        notice_hook on_notice;
        std::vector<std::byte> scratch;

        void unblock_frontier(std::int64_t now_ns) noexcept;
    };

    std::unique_ptr<pen> p_;
};

/// A paced publisher waits for the frontier; the slot the frontier waits for may belong to somebody
/// who is stopped. Whoever waits steps over it after a short while: otherwise one stopped publisher
/// would block a paced bus for ever.
inline void publisher::pen::unblock_frontier(std::int64_t now_ns) noexcept {
    constexpr std::int64_t short_while_ns = 200'000;
    const seq_t wanted = at->ctl().frontier.written.load(std::memory_order_acquire) + 1;
    if (wanted < at->first_seq() || wanted >= claims.next()) return;
    const ring::slot_word word = ring::load_word(*at, wanted);
    const bool unfinished = word.phase() == ring::phase::writing && word.laps_ahead_of(at->shape().lap(wanted)) == 0 &&
                            word.owner() != place.number();
    if (!unfinished || word != blocking) {
        blocking = unfinished ? word : ring::slot_word{};
        blocking_since_ns = now_ns;
        return;
    }
    if (now_ns - blocking_since_ns < short_while_ns) return;
    (void)ring::end_wait(*at, wanted, word, ring::patience::also_the_living, &on_notice);
    bell.ring(place.number());
}

[[gnu::noinline]] inline publish_status publisher::pen::claim_slow(ring::claim_status status, std::int64_t limit) noexcept {
    const std::int64_t start = detail::steady_ns();
    for (int turn = 0;; ++turn) {
        switch (status) {
        case ring::claim_status::claimed: return publish_status::published;
        case ring::claim_status::retired: return publish_status::retired;
        case ring::claim_status::nonsense: return publish_status::damaged;
        case ring::claim_status::must_wait: break;
        }
        const std::int64_t now = detail::steady_ns();
        unblock_frontier(now);
        if (claims.pace().watch(now, turn == 0))
            tell(notice_kind::pacing_verdict, "the recorder is gone or does not move: publishers go on without it", claims.next());
        else if (limit == never && turn > 0) return publish_status::would_block;
        else if (limit >= 0 && now - start >= limit) return publish_status::timed_out;

        if (limit != never) {
            if (turn < 16) {
                for (int i = 0; i < 32; ++i) detail::cpu_pause();
            } else {
                std::int64_t nap = 2'000'000;
                if (limit >= 0) nap = std::min(nap, limit - (now - start));
                frontier_bell.sleep(place.number(), nap, [&] { return claims.pace().may_claim(claims.next()); });
            }
        }
        status = claims.claim();
    }
}

} // namespace v1
} // namespace evbus
