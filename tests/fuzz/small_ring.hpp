// A real pair of ring and control object, made once and put back to how it was made before each input. Its
// log directory, if it has one, is a path at which nothing can ever be.
#pragma once

#include "tests/fuzz/input.hpp"

#include <evbus/bus.hpp>
#include <evbus/ring/attachment.hpp>
#include <evbus/ring/create.hpp>
#include <evbus/ring/latency.hpp>

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace fuzz {

struct shape {
    std::uint64_t slots = 64;
    std::uint32_t slot_bytes = 128;
    evbus::ring::pacing_mode pacing = evbus::ring::pacing_mode::overwrite;
    evbus::ring::stamp_mode stamps = evbus::ring::stamp_mode::wall_ns;
    evbus::seq_t first_seq = 1;
    bool with_log = false;
};

/// Numbers whose entries inputs may write: the lowest and the highest of both kinds.
[[nodiscard]] inline evbus::member_no known_number(std::uint8_t choice) {
    constexpr std::uint16_t starts[] = {1, 4095 - 15, evbus::first_reader_no, evbus::member_count - 16};
    return static_cast<evbus::member_no>(starts[choice >> 4 & 3] + (choice & 15));
}

class small_ring {
public:
    explicit small_ring(const shape& how) : name_(name_prefix() + std::to_string(count()++)) {
        evbus::ring::creation c;
        c.name = name_;
        c.slots = how.slots;
        c.slot_bytes = how.slot_bytes;
        c.pacing = how.pacing;
        c.stamps = how.stamps;
        c.stall_limit_ns = 50'000'000;
        c.first_seq = how.first_seq;
        c.id = {{1, 2}};
        c.epoch = static_cast<evbus::epoch_t>(0x1122334455667788 + count());
        if (how.with_log) c.log_dir = "/proc/self/fd/evbus-fuzz-none";
        require(evbus::ring::create_ring(c), "the ring is made");
        at_ = evbus::ring::attachment::open(name_, evbus::ring::access::read_write);
        ring_as_made_.assign(ring_bytes().begin(), ring_bytes().end());
        ctl_as_made_.assign(ctl_page().begin(), ctl_page().end());
    }
    small_ring(const small_ring&) = delete;
    small_ring& operator=(const small_ring&) = delete;
    ~small_ring() { evbus::ring::unlink_ring(name_, at_->description().epoch()); }

    /// Everything that an input may have written, as it was at creation.
    void reset() {
        std::copy(ring_as_made_.begin(), ring_as_made_.end(), ring_bytes().begin());
        std::copy(ctl_as_made_.begin(), ctl_as_made_.end(), ctl_page().begin());
        for (unsigned choice = 0; choice < 64; ++choice) {
            const std::span<std::uint8_t> entry = entry_bytes(known_number(static_cast<std::uint8_t>(choice)));
            std::fill(entry.begin(), entry.end(), std::uint8_t{0});
            const std::span<std::uint8_t> counts = latency_bytes(static_cast<std::uint8_t>(choice));
            std::fill(counts.begin(), counts.end(), std::uint8_t{0});
        }
    }

    [[nodiscard]] const std::string& name() const { return name_; }
    [[nodiscard]] const evbus::ring::attachment& at() const { return *at_; }
    [[nodiscard]] const std::shared_ptr<evbus::ring::attachment>& attachment() const { return at_; }
    [[nodiscard]] evbus::bus bus() const { return evbus::bus::open(name_); }

    [[nodiscard]] std::span<std::uint8_t> ring_bytes() const {
        return {reinterpret_cast<std::uint8_t*>(&at_->ring()), at_->description().raw.file_bytes};
    }
    /// What an input may write of the ring while it is in use: all but the description and the log's directory,
    /// which are read when somebody attaches.
    [[nodiscard]] std::span<std::uint8_t> live_ring_bytes() const {
        return ring_bytes().subspan(offsetof(evbus::ring::ring_header, tail));
    }
    [[nodiscard]] std::span<std::uint8_t> slot_bytes(evbus::seq_t seq) const {
        return {reinterpret_cast<std::uint8_t*>(at_->slot(seq)), at_->shape().slot_bytes()};
    }
    [[nodiscard]] std::span<std::uint8_t> ctl_page() const {
        return {reinterpret_cast<std::uint8_t*>(&at_->ctl()), sizeof(evbus::ring::ctl_header)};
    }
    [[nodiscard]] std::span<std::uint8_t> entry_bytes(evbus::member_no n) const {
        return {reinterpret_cast<std::uint8_t*>(&at_->member(n)), sizeof(evbus::ring::member_entry)};
    }

    /// What a reader, or the recorder, counted: all but whose it is, so that it is shown.
    [[nodiscard]] std::span<std::uint8_t> latency_bytes(std::uint8_t choice) const {
        evbus::ring::latency_table& table = at_->latencies();
        evbus::ring::latency_words* words = evbus::ring::latency_of(table, known_number(choice));
        if (words == nullptr) words = (choice & 1) != 0 ? &table.durable : &table.written;
        return {reinterpret_cast<std::uint8_t*>(words) + sizeof words->life, sizeof *words - sizeof words->life};
    }

private:
    static unsigned& count() {
        static unsigned n = 0;
        return n;
    }
    std::string name_;
    std::shared_ptr<evbus::ring::attachment> at_;
    bytes ring_as_made_;
    bytes ctl_as_made_;
};

/// The word of a slot: free bits, or something that could nearly be there.
[[nodiscard]] inline evbus::ring::slot_word read_slot_word(input& in, const evbus::ring::geometry& shape,
                                                           evbus::seq_t near) {
    const std::uint8_t how = in.byte();
    if ((how & 0x80) != 0) return evbus::ring::slot_word(in.word());
    const auto laps = static_cast<std::int64_t>(in.number<std::int8_t>());
    const std::int64_t far = (how & 0x40) != 0 ? laps * (std::int64_t{1} << 40) : laps;
    const std::uint64_t lap = (shape.lap(near) + static_cast<std::uint64_t>(far)) & evbus::ring::geometry::lap_mask;
    return {lap, static_cast<evbus::member_no>(how >> 3 & 7), static_cast<evbus::ring::phase>(how & 7)};
}

} // namespace fuzz
