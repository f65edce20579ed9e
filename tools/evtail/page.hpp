// A stretch of events kept in memory, for who shows them in another order than they are read.
#pragma once

#include "tools/evtail/selection.hpp"
#include "tools/evtail/source.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace evtail {

/// Keeps what is selected of `range`, in order. All bytes stand in one string.
class page final : public sink {
public:
    page(const selection& wanted, evbus::seq_range range, bool keep) : wanted_(&wanted), range_(range), keep_(keep) {}

    void event(const evbus::event& e) override {
        if (!range_.contains(e.seq()) || !wanted_->takes(e)) return;
        ++events_;
        if (!keep_) return;
        const std::string_view headers(reinterpret_cast<const char*>(e.headers().block().data()), e.headers().block().size());
        entries_.push_back(kept{{e.first_seq(), e.seq()}, e.topic_hash(), e.published(), e.publisher(), bytes_.size(),
                                e.topic().size(), headers.size(), e.payload().size()});
        bytes_.append(e.topic()).append(headers).append(e.text());
    }
    void gap(const evbus::gap& g) override {
        selection inside = *wanted_;
        inside.seqs = range_;
        const evbus::gap part = inside.part_of(g);
        if (part.range.count() != 0) entries_.emplace_back(part);
    }

    /// Forgets that the ring or retention was quicker at the page's very beginning.
    void drop_leading_gap() {
        const evbus::gap* const g = entries_.empty() ? nullptr : std::get_if<evbus::gap>(&entries_.front());
        if (g == nullptr || g->range.first != range_.first) return;
        if (g->cause == evbus::gap_cause::overwritten || g->cause == evbus::gap_cause::retention) entries_.erase(entries_.begin());
    }

    [[nodiscard]] evbus::seq_range range() const { return range_; }
    [[nodiscard]] std::uint64_t events() const { return events_; }
    [[nodiscard]] std::size_t bytes() const { return bytes_.size() + entries_.size() * sizeof(entry); }

    void give(sink& to) const {
        for (const entry& e : entries_) give(e, to);
    }
    void give_backwards(sink& to) const {
        for (auto e = entries_.rbegin(); e != entries_.rend(); ++e) give(*e, to);
    }

private:
    struct kept {
        evbus::seq_range seqs;
        std::uint64_t topic_hash;
        std::int64_t published_ns;
        evbus::publisher_id publisher;
        std::size_t at; ///< of topic, headers, payload in bytes_
        std::size_t topic;
        std::size_t headers;
        std::size_t payload;
    };
    using entry = std::variant<kept, evbus::gap>;

    void give(const entry& e, sink& to) const {
        if (const evbus::gap* const g = std::get_if<evbus::gap>(&e)) return to.gap(*g);
        const kept& k = std::get<kept>(e);
        const std::span<const std::byte> all = std::as_bytes(std::span(bytes_)).subspan(k.at);
        to.event(evbus::event({.seqs = k.seqs,
                               .topic_hash = k.topic_hash,
                               .published_ns = k.published_ns,
                               .publisher = k.publisher,
                               .topic = std::string_view(bytes_).substr(k.at, k.topic),
                               .payload = all.subspan(k.topic + k.headers, k.payload),
                               .headers_block = all.subspan(k.topic, k.headers)}));
    }

    const selection* wanted_;
    evbus::seq_range range_;
    bool keep_;
    std::uint64_t events_ = 0;
    std::vector<entry> entries_;
    std::string bytes_;
};

} // namespace evtail
