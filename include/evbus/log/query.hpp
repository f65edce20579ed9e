// What a reader of the log is asked for.
#pragma once

#include <evbus/filter.hpp>
#include <evbus/header_filter.hpp>
#include <evbus/ids.hpp>

#include <cstdint>
#include <vector>

namespace evbus {
inline namespace v1 {
namespace log {

/// A reader leaves out what surely does not match, where a segment's index tells it; the rest it gives,
/// match or not. Points to the caller's filters.
struct query {
    const filter_set* topics = nullptr;     ///< null: all
    const header_filter* headers = nullptr; ///< null: all
    bool frames = true;                     ///< false: none at all, only what stands between them
    const std::vector<seq_range>* only = nullptr; ///< frames at these seqs, by their first; null: all

    /// False when there is nothing to leave out.
    [[nodiscard]] bool narrows() const noexcept { return !frames || only != nullptr || narrows_topics() || narrows_headers(); }
    [[nodiscard]] bool narrows_topics() const noexcept { return topics != nullptr && !topics->is_everything(); }
    [[nodiscard]] bool narrows_headers() const noexcept { return headers != nullptr && !headers->empty(); }
    friend bool operator==(const query&, const query&) = default;
};

} // namespace log
} // namespace v1
} // namespace evbus
