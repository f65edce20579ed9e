// A ring file that nobody writes any more: a copy taken elsewhere, or one left behind. It is read with
// pread, slot by slot, and never mapped: a file that is cut while it is read is an error and no SIGBUS.
// No length in it is believed before it is bounded.
#pragma once

#include "tools/evtail/source.hpp"

#include <evbus/ring/clock.hpp>
#include <evbus/ring/description.hpp>
#include <evbus/ring/shm.hpp>

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace evtail {

/// The file itself.
class dead_ring {
public:
    /// Reads the description and all slot words. Throws evbus::error, each fault with its own errc.
    explicit dead_ring(std::string path);

    [[nodiscard]] const evbus::ring::checked_description& description() const noexcept { return description_; }
    [[nodiscard]] const evbus::ring::geometry& shape() const noexcept { return shape_; }
    [[nodiscard]] const evbus::ring::clock_table& clock() const noexcept;
    [[nodiscard]] seq_t first_seq() const noexcept { return description_.raw.first_seq; }
    /// The first seq that nobody had claimed.
    [[nodiscard]] seq_t head() const noexcept { return head_; }
    [[nodiscard]] seq_t oldest() const noexcept;
    [[nodiscard]] evbus::ring::slot_word word(seq_t seq) const noexcept;
    /// The bytes of the slot of `seq`, valid until the next call. Throws evbus::error when they cannot be read.
    [[nodiscard]] std::span<const std::byte> slot(seq_t seq);

private:
    void read_exactly(void* to, std::size_t bytes, std::uint64_t at) const;
    void read_words();
    [[nodiscard]] seq_t find_head() const noexcept;
    [[nodiscard]] seq_t head_by_scan() const noexcept;
    [[nodiscard]] bool is_claimed(seq_t seq) const noexcept;

    std::string path_;
    evbus::ring::shm_file file_;
    evbus::ring::checked_description description_;
    evbus::ring::geometry shape_;
    std::unique_ptr<evbus::ring::ring_header> header_;
    std::vector<std::uint64_t> words_; ///< by slot
    std::vector<std::uint64_t> chunk_; ///< some slots in a row
    std::uint64_t chunk_first_ = 0;    ///< index of the first of them
    std::uint64_t chunk_slots_ = 0;
    seq_t head_ = evbus::no_seq;
};

class dead_ring_source final : public source {
public:
    dead_ring_source(const std::string& path, event_filter wanted);

    std::unique_ptr<reader> read(evbus::from where) override;
    seq_t head() override { return ring_.head(); }
    evbus::bus_id id() const override { return ring_.description().id(); }
    bool is_stamped() override { return ring_.description().stamps() != evbus::ring::stamp_mode::none; }
    std::uint64_t longest_event() const override { return ring_.shape().slots() / 4; }
    /// The names stood in the control object, which a copied ring is without.
    std::string_view publisher_name(evbus::publisher_id, seq_t) override { return {}; }

private:
    dead_ring ring_;
    event_filter wanted_;
};

} // namespace evtail
