// One publisher's way of putting events into slots: what stands behind evbus::publisher, without its
// handles. Nothing here throws or allocates; one thread at a time.
#pragma once

#include <evbus/published.hpp>
#include <evbus/ring/claimer.hpp>
#include <evbus/ring/clock.hpp>
#include <evbus/ring/doorbell.hpp>
#include <evbus/ring/members.hpp>
#include <evbus/ring/words.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

namespace evbus {
inline namespace v1 {
namespace ring {

/// How long a publish may wait for its claim: ns, or one of these.
inline constexpr std::int64_t wait_forever = -1;
inline constexpr std::int64_t wait_never = -2;

class pen {
public:
    pen(std::shared_ptr<attachment> at, const std::string& name, notice_hook on_notice)
        : at_(std::move(at)), place_(at_, member_kind::publisher, name), on_notice_(std::move(on_notice)),
          claims_(*at_, place_.number(), &on_notice_), bell_(at_->ctl().data_bell), frontier_bell_(at_->ctl().frontier_bell),
          stamps_(at_->description().stamps()),
          author_(std::uint64_t{place_.incarnation()} << 16 | std::uint64_t{to_u16(place_.number())} << 48) {
        clock_keeper::maintain(at_->ring().clock);
        if (place_.swept() != 0)
            tell(notice_kind::reaped, std::to_string(place_.swept()) + " slots of a dead publisher, whose number this one has now, became voids");
    }
    pen(const pen&) = delete;
    pen& operator=(const pen&) = delete;
    /// A slot that is still open would stay unfinished behind a number that left in good order.
    ~pen() {
        if (open_) abandon();
    }

    published publish(const topic& to, std::span<const std::byte> payload, const publish_options& with, std::int64_t limit) noexcept {
        if (busy()) [[unlikely]] return {why_busy()};
        const published p = put(to, payload, with, limit);
        if (p) [[likely]] done();
        return p;
    }

    /// In order; stops at the first that cannot be published.
    published_batch publish_batch(std::span<const outgoing> events, std::int64_t limit) noexcept {
        if (busy()) [[unlikely]] return {why_busy()};
        const std::int64_t start = limit > 0 ? evbus::detail::steady_ns() : 0;
        published_batch result{publish_status::published};
        for (const outgoing& e : events) {
            const published p = put(*e.to, e.payload, e.with, left_of(limit, start));
            result.status = p.status;
            if (!p) break;
            result.last = p.seq;
            ++result.count;
            mark(probe::batch_event_sent);
        }
        if (result.count != 0) done(result.count);
        return result;
    }

    // --- a slot that is written in place (slot_writer) --------------------------------------------

    /// Claims a slot for up to `bytes` of payload; the writer gets it with `published`, which here means: open.
    publish_status open(const topic& to, std::size_t bytes, const publish_options& with, std::int64_t limit) noexcept {
        if (busy()) return why_busy();
        const std::span<const std::byte> block = with.headers.block();
        const std::size_t fixed = sizeof(frame_header) + to.words().size_bytes() + block.size();
        if (!good_headers(with)) return publish_status::bad_headers;
        if (bytes > at_->shape().slot_bytes() || fixed + padded8(bytes) > at_->shape().slot_bytes()) return publish_status::too_large;
        const publish_status status = claim(limit);
        if (status != publish_status::published) return status;
        payload_at_ = write_head(to, block, 0, {}, 0);
        open_ = true;
        open_limit_ = limit;
        mark(probe::place_opened);
        return publish_status::published;
    }
    /// Where the open slot's payload begins.
    [[nodiscard]] shared_word* payload_words() const noexcept { return payload_at_; }
    /// Publishes the open slot with the `bytes` of payload that are in it. Should others have stepped over
    /// it, its words go into another slot by way of `scratch`, which has room for a slot; for that one it
    /// waits as open() did.
    published commit(std::size_t bytes, std::span<std::uint64_t> scratch) noexcept {
        if (at_->in_child()) return {publish_status::forked};
        open_ = false;
        shared_word* words = claims_.words();
        const std::size_t length = static_cast<std::size_t>(payload_at_ - words) + (bytes + 7) / 8;
        words[2].store(stamp(), std::memory_order_relaxed);
        words[3].store(words[3].load(std::memory_order_relaxed) | bytes, std::memory_order_relaxed);
        mark(probe::frame_stored);
        if (claims_.try_commit()) return opened_done();
        load_words(scratch.data(), words, length); // STALLED with our name: nobody else touches it
        claims_.give_back();
        while (true) {
            stepped_over();
            const publish_status status = claim(open_limit_);
            if (status != publish_status::published) return {status};
            scratch[2] = stamp();
            store_words(claims_.words() + 1, std::span(scratch).subspan(1, length - 1));
            mark(probe::frame_stored);
            if (claims_.commit()) return opened_done();
        }
    }
    void abandon() noexcept {
        open_ = false;
        if (at_->in_child()) return;
        claims_.abandon();
        bell_.ring(place_.number());
    }
    [[nodiscard]] bool is_open() const noexcept { return open_; }

    // --- what it is -------------------------------------------------------------------------------

    /// Largest payload: 16 MiB or a quarter of the ring, if less.
    [[nodiscard]] std::size_t max_event(std::size_t topic_bytes, std::size_t headers_bytes) const noexcept {
        const std::size_t fixed = sizeof(frame_header) + topic_bytes + headers_bytes, slot = at_->shape().slot_bytes();
        const std::size_t single = fixed < slot ? slot - fixed : 0;
        if (fixed + sizeof(fragment_part) + 8 > slot) return single; // no room for a part beside all that
        return std::max(single, std::min<std::size_t>(max_event_bytes, at_->shape().slots() / 4 * chunk(topic_bytes) - headers_bytes));
    }
    [[nodiscard]] const attachment& at() const noexcept { return *at_; }
    [[nodiscard]] member_no number() const noexcept { return place_.number(); }
    [[nodiscard]] std::uint64_t events() const noexcept { return events_; }
    [[nodiscard]] std::uint64_t given_back() const noexcept { return given_back_; }

private:
    [[nodiscard]] bool busy() const noexcept { return at_->in_child() || open_; }
    [[nodiscard]] publish_status why_busy() const noexcept {
        return at_->in_child() ? publish_status::forked : publish_status::claim_open;
    }
    [[nodiscard]] static bool good_headers(const publish_options& with) noexcept {
        const std::span<const std::byte> block = with.headers.block();
        return block.empty() || (with.headers.is_whole() && block.size() % 8 == 0);
    }
    [[nodiscard]] static std::int64_t left_of(std::int64_t limit, std::int64_t start) noexcept {
        return limit > 0 ? std::max<std::int64_t>(limit - (evbus::detail::steady_ns() - start), 0) : limit;
    }

    /// One event, up to and with the bell.
    published put(const topic& to, std::span<const std::byte> payload, const publish_options& with, std::int64_t limit) noexcept {
        const std::span<const std::byte> block = with.headers.block();
        const std::size_t fixed = sizeof(frame_header) + to.words().size_bytes() + block.size();
        if (!good_headers(with)) [[unlikely]] return {publish_status::bad_headers};
        if (fixed + padded8(payload.size()) > at_->shape().slot_bytes()) [[unlikely]]
            return put_large(to, payload, block, limit);
        while (true) {
            // Before the claim: while the slot is claimed and not committed every ns counts, because
            // a reader that polls it then takes the line away from here.
            std::uint64_t time = stamp();
            const claim_status claimed = claims_.claim();
            if (claimed != claim_status::claimed) [[unlikely]] {
                const publish_status status = claim_slow(claimed, limit);
                if (status != publish_status::published) return {status};
                time = stamp();
            }
            write(to, block, payload, {}, time);
            if (claims_.commit()) [[likely]] break;
            stepped_over();
        }
        bell_.ring(place_.number());
        return {publish_status::published, claims_.seq()};
    }
    /// Events larger than a slot: frames of one publisher, which happen at the last one's seq. A
    /// frame that others stepped over sends the whole event again.
    [[gnu::noinline]] published put_large(const topic& to, std::span<const std::byte> payload, std::span<const std::byte> block,
                                          std::int64_t limit) noexcept {
        if (payload.size() > max_event(to.words().size_bytes(), block.size()) || payload.empty())
            return {publish_status::too_large};
        const std::size_t each = chunk(to.words().size_bytes());
        const std::int64_t start = limit > 0 ? evbus::detail::steady_ns() : 0;
        std::size_t sent = 0;
        while (sent < payload.size()) {
            const publish_status status = claim(left_of(limit, start));
            if (status != publish_status::published) return {status};
            const std::size_t room = sent == 0 ? each - block.size() : each;
            const std::span<const std::byte> part = payload.subspan(sent, std::min(room, payload.size() - sent));
            write(to, sent == 0 ? block : std::span<const std::byte>{}, part,
                  {static_cast<std::uint32_t>(payload.size()), static_cast<std::uint32_t>(sent)}, stamp());
            if (claims_.commit()) {
                sent += part.size();
                bell_.ring(place_.number());
                mark(probe::fragment_sent);
            } else {
                stepped_over();
                sent = 0;
            }
        }
        return {publish_status::published, claims_.seq()};
    }
    /// Payload bytes that one frame of a larger event carries, before headers.
    [[nodiscard]] std::size_t chunk(std::size_t topic_bytes) const noexcept {
        return at_->shape().slot_bytes() - sizeof(frame_header) - sizeof(fragment_part) - topic_bytes;
    }

    /// `published` means: claimed.
    publish_status claim(std::int64_t limit) noexcept {
        const claim_status status = claims_.claim();
        if (status == claim_status::claimed) [[likely]] return publish_status::published;
        return claim_slow(status, limit);
    }
    publish_status claim_slow(claim_status status, std::int64_t limit) noexcept;
    void unblock_frontier(std::int64_t now_ns) noexcept;

    /// Everything but the payload; returns where that goes.
    shared_word* write_head(const topic& to, std::span<const std::byte> block, std::size_t payload_bytes, fragment_part part,
                            std::uint64_t time) noexcept {
        constexpr auto relaxed = std::memory_order_relaxed;
        shared_word* words = claims_.words();
        std::uint64_t flags = part.total != 0 ? frame_flags::fragment : 0;
        if (!block.empty()) flags |= frame_flags::headers;
        words[1].store(to.hash(), relaxed);
        words[2].store(time, relaxed);
        words[3].store(author_ | payload_bytes | std::uint64_t{to.text().size()} << 32 | flags << 40, relaxed);
        mark(probe::header_stored);
        shared_word* at_word = words + 4;
        if (part.total != 0) {
            std::uint64_t word;
            std::memcpy(&word, &part, sizeof word);
            at_word++->store(word, relaxed);
        }
        if (!block.empty()) at_word += store_bytes(at_word, block);
        store_words(at_word, to.words());
        mark(probe::topic_stored);
        return at_word + to.words().size();
    }
    void write(const topic& to, std::span<const std::byte> block, std::span<const std::byte> payload, fragment_part part,
               std::uint64_t time) noexcept {
        store_bytes(write_head(to, block, payload.size(), part, time), payload);
        mark(probe::frame_stored);
    }
    [[nodiscard]] std::uint64_t stamp() const noexcept {
        if (stamps_ == stamp_mode::counter) [[likely]] return evbus::detail::read_counter();
        return stamps_ == stamp_mode::none ? 0 : static_cast<std::uint64_t>(evbus::detail::wall_ns());
    }
    published opened_done() noexcept {
        bell_.ring(place_.number());
        done();
        return {publish_status::published, claims_.seq()};
    }
    /// What is said of published events in the table, and now and then of the clock.
    void done(std::uint64_t count = 1) noexcept {
        const seq_t seq = claims_.seq();
        member_entry& entry = place_.entry();
        entry.position.store(seq, std::memory_order_relaxed);
        entry.events.store(events_ += count, std::memory_order_relaxed);
        mark(probe::position_stored);
        if (seq % 65536 == 0) [[unlikely]] clock_keeper::maintain(at_->ring().clock);
    }
    [[gnu::noinline]] void stepped_over() noexcept {
        ++given_back_;
        bell_.ring(place_.number());
        tell(notice_kind::given_back, "this publisher was stepped over while it wrote; it publishes again", claims_.seq());
    }
    void tell(notice_kind kind, const char* text, seq_t seq = no_seq) noexcept {
        try {
            if (on_notice_) on_notice_({kind, text, seq, place_.number()});
        } catch (...) { // a hook that throws must not take the publisher with it
        }
    }
    void tell(notice_kind kind, const std::string& text) noexcept { tell(kind, text.c_str()); }

    std::shared_ptr<attachment> at_;
    membership place_;
    notice_hook on_notice_;
    claimer claims_;
    doorbell bell_;
    doorbell frontier_bell_;
    stamp_mode stamps_;
    bool open_ = false;                 ///< a slot_writer has a claim
    std::uint64_t author_;
    std::uint64_t events_ = 0;
    std::uint64_t given_back_ = 0;
    shared_word* payload_at_ = nullptr; ///< of the open slot
    std::int64_t open_limit_ = wait_forever;
    slot_word blocking_{};              ///< the unfinished word at the frontier, while waiting
    std::int64_t blocking_since_ns_ = 0;
};

/// A paced publisher waits for the frontier; the slot the frontier waits for may belong to somebody
/// who is stopped. Whoever waits steps over it after a short while: otherwise one stopped publisher
/// would block a paced bus for ever.
inline void pen::unblock_frontier(std::int64_t now_ns) noexcept {
    constexpr std::int64_t short_while_ns = 200'000;
    const seq_t wanted = at_->ctl().frontier.written.load(std::memory_order_acquire) + 1;
    if (wanted < at_->first_seq() || wanted >= claims_.next()) return;
    const slot_word word = load_word(*at_, wanted);
    const bool unfinished = word.phase() == phase::writing && word.laps_ahead_of(at_->shape().lap(wanted)) == 0 &&
                            word.owner() != place_.number();
    if (!unfinished || word != blocking_) {
        blocking_ = unfinished ? word : slot_word{};
        blocking_since_ns_ = now_ns;
        return;
    }
    if (now_ns - blocking_since_ns_ < short_while_ns) return;
    (void)end_wait(*at_, wanted, word, patience::also_the_living, &on_notice_);
    bell_.ring(place_.number());
}

[[gnu::noinline]] inline publish_status pen::claim_slow(claim_status status, std::int64_t limit) noexcept {
    const std::int64_t start = evbus::detail::steady_ns();
    for (int turn = 0;; ++turn) {
        switch (status) {
        case claim_status::claimed: return publish_status::published;
        case claim_status::retired: return publish_status::retired;
        case claim_status::nonsense: return publish_status::damaged;
        case claim_status::must_wait: break;
        }
        const std::int64_t now = evbus::detail::steady_ns();
        unblock_frontier(now);
        if (claims_.pace().watch(now, turn == 0))
            tell(notice_kind::pacing_verdict, "the recorder is gone or does not move: publishers go on without it", claims_.next());
        else if (limit == wait_never && turn > 0) return publish_status::would_block;
        else if (limit >= 0 && now - start >= limit) return publish_status::timed_out;

        if (limit != wait_never) {
            if (turn < 16) {
                for (int i = 0; i < 32; ++i) evbus::detail::cpu_pause();
            } else {
                std::int64_t nap = 2'000'000;
                if (limit >= 0) nap = std::min(nap, limit - (now - start));
                frontier_bell_.sleep(place_.number(), nap, [&] { return claims_.pace().may_claim(claims_.next()); });
            }
        }
        status = claims_.claim();
    }
}

} // namespace ring
} // namespace v1
} // namespace evbus
