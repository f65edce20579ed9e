#include "tools/evtail/cursor_saver.hpp"

#include "tools/evtail/steady.hpp"

#include <algorithm>
#include <string>

namespace evtail {
namespace {

constexpr std::int64_t save_every_ns = 1'000'000'000;
constexpr std::uint64_t save_every_events = 1'000'000;

// What else than the topics decides which events are shown: a place says nothing about other ones.
std::string other_choices(const options& o) {
    std::string all = o.grep ? "-g " + *o.grep : std::string();
    for (const evbus::header_filter::wanted& h : o.wanted.headers.all()) all.append(all.empty() ? "" : " ").append("--header " + h.key + "=" + h.value);
    return all;
}

evbus::cursor_options cursor_options_of(const options& o) {
    return {.filters = o.wanted.topics, .exclude = o.wanted.exclude, .also = other_choices(o), .program = "evtail",
            .on_notice = [](const evbus::notice& n) { cli::say("evtail", n.text); }};
}

} // namespace

cursor_saver::cursor_saver(const options& o, source& in, printer& show, cli::output& out)
    : show_(&show), out_(&out), at_end_only_(o.topics), cursor_(in.cursors(), *o.cursor, cursor_options_of(o)),
      reached_(cursor_.place().value_or(evbus::cursor_place{})), saved_ns_(steady_ns()) {}

void cursor_saver::event(const evbus::event& e) {
    if (show_->is_done()) return stop_at({e.seq(), std::min(e.first_seq(), from_->place().walk_from)});
    show_->event(e);
    last_ = e.seq();
}

void cursor_saver::gap(const evbus::gap& g) {
    const bool was_done = show_->is_done();
    if (!was_done) show_->gap(g);
    // Also one that was told and is the end, by --on-gap error: the next run meets it again.
    if (was_done || show_->is_done()) stop_at(front_of(g));
}

void cursor_saver::stop_at(const evbus::cursor_place& at) {
    if (!left_) left_ = at;
}

evbus::cursor_place cursor_saver::front_of(const evbus::gap& g) const {
    const evbus::cursor_place at = from_->place();
    // An event that cannot be joined is found out where the reader stands, and begins further back.
    const seq_t next = g.cause == evbus::gap_cause::incomplete ? std::max(at.next - 1, last_ + 1) : g.range.first;
    return {next, std::min({next, g.range.first, at.walk_from})};
}

void cursor_saver::leaves_reader() {
    reached_ = left_ ? *left_ : from_->place();
    from_ = nullptr;
}

void cursor_saver::save_if_due() {
    if (at_end_only_) return;
    if (steady_ns() - saved_ns_ >= save_every_ns || show_->shown() - shown_at_save_ >= save_every_events) save();
}

void cursor_saver::save() {
    saved_ns_ = steady_ns();
    shown_at_save_ = show_->shown();
    show_->settle();
    out_->sync();
    if (out_->closed()) return;
    const evbus::cursor_place at = left_ ? *left_ : from_ != nullptr ? from_->place() : reached_;
    // On the way to the place that it began at there is nothing to keep.
    if (!cursor_.place() || at.next >= cursor_.place()->next) cursor_.save(at);
}

} // namespace evtail
