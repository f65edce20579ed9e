#include "tools/evtail/printer.hpp"

#include <limits>
#include <string_view>

namespace evtail {
namespace {

// Raw bytes, lines and templates are for programs that know nothing of gaps.
bool holds_gaps(const format_options& f) {
    return !f.template_text && f.mode != output_mode::raw && f.mode != output_mode::cat;
}

bool shows_publishers(const format_options& f) {
    if (!f.template_text) return f.mode == output_mode::verbose || f.mode == output_mode::json;
    for (const template_piece& p : parse_template(*f.template_text))
        if (p.letter == 'P') return true;
    return false;
}

} // namespace

printer::printer(const options& o, const selection& wanted, cli::output& out)
    : wanted_(&wanted), out_(&out), format_(o.format), on_gap_(o.on_gap), gap_in_place_(holds_gaps(o.format) && !o.topics),
      with_names_(shows_publishers(o.format)), as_topics_(o.topics),
      json_(!o.format.template_text && o.format.mode == output_mode::json), zone_(o.format.zone),
      most_(o.count.value_or(std::numeric_limits<std::uint64_t>::max())) {}

void printer::event(const evbus::event& e) {
    if (is_done() || !wanted_->takes(e)) return;
    if (skip_ != 0) {
        --skip_;
        return;
    }
    before_first_ = false;
    if (pending_) [[unlikely]] {
        settle();
        if (is_done()) return;
    }
    ++shown_;
    if (as_topics_) return topics_.add(e);
    std::string_view name;
    if (with_names_ && names_ != nullptr) name = names_->publisher_name(e.publisher(), e.seq());
    format_.event(e, name, out_->buffer());
    out_->flush_if_full();
}

void printer::gap(const evbus::gap& g) {
    if (is_done() || on_gap_ == gap_policy::ignore || before_first_) return;
    const evbus::gap part = wanted_->part_of(g);
    if (part.range.count() == 0) return;
    if (pending_ && pending_->cause == part.cause && part.cause != evbus::gap_cause::incomplete) {
        evbus::seq_range& known = pending_->range;
        const bool behind = known.last + 1 == part.range.first, before = part.range.last + 1 == known.first;
        if (behind) known.last = part.range.last;
        if (before) known.first = part.range.first;
        if (behind || before) {
            pending_->seqs += part.seqs;
            return;
        }
    }
    settle();
    if (is_done()) return;
    pending_ = part;
    if (on_gap_ == gap_policy::error) settle();
}

void printer::settle() {
    if (!pending_) return;
    const evbus::gap g = *pending_;
    pending_.reset();
    tell(g);
}

void printer::tell(const evbus::gap& g) {
    ++gaps_;
    seqs_in_gaps_ += g.seqs;
    saw_damage_ = saw_damage_ || g.cause == evbus::gap_cause::damage;
    stopped_by_gap_ = on_gap_ == gap_policy::error;
    if (gap_in_place_) {
        format_.gap(g, out_->buffer());
        return;
    }
    out_->flush(); // so that the two streams stand in order on a terminal
    cli::say("evtail", "gap: seqs " + std::to_string(g.range.first) + ".." + std::to_string(g.range.last) + " (" +
                           std::to_string(g.seqs) + ") cannot be had: " + to_string(g.cause));
}

void printer::finish() {
    if (!stopped_by_gap_ && shown_ != most_) settle();
    if (as_topics_) topics_.print(out_->buffer(), json_, zone_);
    out_->flush();
}

} // namespace evtail
