// The names (topics or header keys) of one segment, with their counts and the blocks they stand in.
// Memory is bounded: names beyond a number are counted and not named; when there are too many places,
// those of the commonest names go, because who seeks such a name reads nearly every block anyway.
// Out of memory is treated the same.
#pragma once

#include <evbus/detail/hash.hpp>
#include <evbus/ids.hpp>
#include <evbus/log/format.hpp>
#include <evbus/topic.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <string>
#include <string_view>
#include <vector>

namespace evbus {
inline namespace v1 {
namespace log {

class name_index {
public:
    using rules = topic_fault (*)(std::string_view);

    /// `check`, when given, says what is wrong with a name.
    name_index(std::uint32_t max_names, std::uint32_t max_places, rules check = nullptr)
        : max_names_(max_names), max_places_(max_places), check_(check) {}

    /// Notes a frame that bears the name. False when the index cannot lead to it: `text` breaks the rules, or
    /// is not what `hash` stands for here.
    [[nodiscard]] bool note(std::uint64_t hash, std::string_view text, seq_t seq, block_place block) noexcept {
        if (recent_ < names_.size() && names_[recent_].hash == hash) return bump(recent_, text, seq, block);
        return note_slow(hash, text, seq, block);
    }
    [[nodiscard]] std::uint32_t flags() const noexcept {
        return (unnamed_ != 0 ? section_flags::names_cut : 0) | (places_cut_ ? section_flags::places_cut : 0);
    }
    /// name_table, entries by hash, places, text.
    [[nodiscard]] std::vector<std::byte> encode() const {
        std::vector<std::uint32_t> order(names_.size());
        for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = i;
        std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) { return names_[a].hash < names_[b].hash; });
        std::vector<std::uint32_t> free(names_.size()); // where a name's next place goes
        std::vector<name_entry> entries;
        entries.reserve(names_.size());
        std::uint32_t at = 0;
        for (const std::uint32_t i : order) {
            const name& n = names_[i];
            entries.push_back({n.hash, n.count, n.first, n.last, n.text_at, n.text_bytes, at, n.places});
            free[i] = at;
            at += n.places;
        }
        std::vector<block_place> blocks(places_.size());
        for (const place& p : places_) blocks[free[p.name]++] = p.block;
        const name_table head{static_cast<std::uint32_t>(entries.size()), static_cast<std::uint32_t>(blocks.size()),
                              static_cast<std::uint32_t>(text_.size()), 0, unnamed_};
        std::vector<std::byte> out(sizeof head + entries.size() * sizeof(name_entry) + blocks.size() * sizeof(block_place) + text_.size());
        std::byte* to = out.data();
        const auto put = [&to](const void* from, std::size_t size) {
            if (size != 0) std::memcpy(to, from, size);
            to += size;
        };
        put(&head, sizeof head);
        put(entries.data(), entries.size() * sizeof(name_entry));
        put(blocks.data(), blocks.size() * sizeof(block_place));
        put(text_.data(), text_.size());
        return out;
    }

private:
    struct name {
        std::uint64_t hash;
        std::uint64_t count;
        seq_t first;
        seq_t last;
        std::uint32_t text_at;
        std::uint32_t text_bytes;
        std::uint32_t places;
        block_place last_block;
        bool listed; ///< its places are kept
    };
    struct place {
        std::uint32_t name;
        block_place block;
    };
    static constexpr std::uint32_t nobody = 0xffff'ffff;

    [[nodiscard]] bool bump(std::size_t i, std::string_view text, seq_t seq, block_place block) noexcept {
        name& n = names_[i];
        if (n.text_bytes != text.size() || std::memcmp(text_.data() + n.text_at, text.data(), text.size()) != 0) return false;
        ++n.count;
        n.last = seq;
        if (n.last_block == block || !n.listed) return true;
        n.last_block = block;
        if (places_.size() >= max_places_) drop_commonest();
        if (!n.listed) return true;
        try {
            places_.push_back({static_cast<std::uint32_t>(i), block});
            ++n.places;
        } catch (const std::bad_alloc&) {
            drop_commonest();
            unlist(n);
        }
        return true;
    }
    void unlist(name& n) noexcept {
        n.listed = false;
        n.places = 0;
        places_cut_ = true;
        const auto i = static_cast<std::uint32_t>(&n - names_.data());
        std::erase_if(places_, [i](const place& p) { return p.name == i; });
    }
    /// Frees about half of the places, those of the names that have most.
    void drop_commonest() noexcept {
        const auto kept_below = [this](std::uint32_t limit) {
            std::size_t kept = 0;
            for (const name& n : names_) kept += n.places < limit ? n.places : 0;
            return kept;
        };
        std::uint32_t limit = nobody;
        while (limit > 1 && kept_below(limit) > max_places_ / 2) limit -= limit / 2;
        for (name& n : names_)
            if (n.places >= limit) {
                n.listed = false;
                n.places = 0;
                places_cut_ = true;
            }
        std::erase_if(places_, [this](const place& p) { return !names_[p.name].listed; });
    }
    [[nodiscard]] bool note_slow(std::uint64_t hash, std::string_view text, seq_t seq, block_place block) noexcept {
        try {
            if (table_.size() < 2 * (names_.size() + 1)) grow();
            std::size_t slot = hash & (table_.size() - 1);
            for (; table_[slot] != nobody; slot = (slot + 1) & (table_.size() - 1))
                if (names_[table_[slot]].hash == hash) {
                    recent_ = table_[slot];
                    return bump(recent_, text, seq, block);
                }
            if (evbus::detail::xxh3(text.data(), text.size()) != hash) return false;
            if (check_ != nullptr && check_(text) != topic_fault::none) return false;
            if (names_.size() >= max_names_) {
                ++unnamed_;
                return true;
            }
            const auto at = static_cast<std::uint32_t>(text_.size());
            text_.append(text);
            names_.push_back({hash, 0, seq, seq, at, static_cast<std::uint32_t>(text.size()), 0, nobody, true});
            recent_ = names_.size() - 1;
            table_[slot] = static_cast<std::uint32_t>(recent_);
            return bump(recent_, text, seq, block);
        } catch (const std::bad_alloc&) {
            ++unnamed_;
            return true;
        }
    }
    void grow() {
        std::vector<std::uint32_t> wider(std::max<std::size_t>(64, 2 * table_.size()), nobody);
        for (std::size_t i = 0; i < names_.size(); ++i) {
            std::size_t slot = names_[i].hash & (wider.size() - 1);
            while (wider[slot] != nobody) slot = (slot + 1) & (wider.size() - 1);
            wider[slot] = static_cast<std::uint32_t>(i);
        }
        table_.swap(wider);
    }

    std::uint32_t max_names_;
    std::uint32_t max_places_;
    rules check_;
    std::vector<name> names_;
    std::vector<place> places_;
    std::vector<std::uint32_t> table_;
    std::string text_;
    std::size_t recent_ = 0;
    std::uint64_t unnamed_ = 0;
    bool places_cut_ = false;
};

} // namespace log
} // namespace v1
} // namespace evbus
