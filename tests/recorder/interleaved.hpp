// Large events of several authors, written frame by frame in whatever order a test likes: what several
// publishers do, without leaving it to chance.
#pragma once

#include <evbus/bus.hpp>
#include <evbus/frame.hpp>
#include <evbus/headers.hpp>
#include <evbus/ring/claimer.hpp>
#include <evbus/ring/members.hpp>
#include <evbus/ring/words.hpp>
#include <evbus/topic.hpp>

#include <doctest/doctest.h>

#include <cstring>
#include <memory>
#include <string>

#include <sched.h>

namespace recorder_test {

/// One author, with one event under way at a time.
class scribe {
public:
    scribe(const evbus::bus& on, const std::string& topic)
        : at_(on.attach(evbus::ring::access::read_write)), to_(topic),
          place_(at_, evbus::ring::member_kind::publisher, "scribe"), claims_(*at_, place_.number()) {}

    /// Bytes of payload in a frame that has no headers.
    [[nodiscard]] std::size_t part_bytes() const {
        return at_->shape().slot_bytes() - evbus::frame_bytes(true, 0, to_.text().size(), 0);
    }
    /// A new event. The one under way, if there is one, stays without its end.
    void begin(std::string payload, const evbus::headers& with = {}) {
        payload_ = std::move(payload);
        headers_ = with;
        sent_ = 0;
    }
    [[nodiscard]] bool is_under_way() const { return sent_ < payload_.size(); }
    /// Its next frame; waits for a recorder that holds it up.
    evbus::seq_t part() {
        using namespace evbus;
        while (true) {
            const ring::claim_status s = claims_.claim();
            if (s == ring::claim_status::claimed) break;
            REQUIRE(s == ring::claim_status::must_wait);
            ::sched_yield();
        }
        const headers_view block = sent_ == 0 ? headers_.view() : headers_view();
        const std::size_t room = part_bytes() - block.block().size();
        const std::string text = payload_.substr(sent_, room / 8 * 8);
        const std::uint64_t flags = frame_flags::fragment | (block.block().empty() ? 0 : frame_flags::headers);
        ring::shared_word* w = claims_.words();
        w[1].store(to_.hash());
        w[2].store(claims_.seq() * 1000);
        w[3].store(text.size() | std::uint64_t{place_.incarnation()} << 16 | to_.text().size() << 32 | flags << 40 |
                   std::uint64_t{to_u16(place_.number())} << 48);
        w[4].store(std::uint64_t{sent_} << 32 | payload_.size());
        w += 5;
        for (std::size_t i = 0; i < block.block().size(); i += 8, ++w) {
            std::uint64_t word;
            std::memcpy(&word, block.block().data() + i, 8);
            w->store(word);
        }
        ring::store_words(w, to_.words());
        ring::store_bytes(w + to_.words().size(), std::as_bytes(std::span(text)));
        sent_ += text.size();
        const seq_t seq = claims_.seq();
        REQUIRE(claims_.commit());
        at_->ring().tail.store(seq + 1);
        return seq;
    }
    /// All that is left of it.
    evbus::seq_t finish() {
        evbus::seq_t last = evbus::no_seq;
        while (is_under_way()) last = part();
        return last;
    }

private:
    std::shared_ptr<evbus::ring::attachment> at_;
    evbus::topic to_;
    evbus::ring::membership place_;
    evbus::ring::claimer claims_;
    evbus::headers headers_;
    std::string payload_;
    std::size_t sent_ = 0;
};

} // namespace recorder_test
