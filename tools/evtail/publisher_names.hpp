// Who stands behind a publisher's number.
//
// Number and incarnation are unique within one creation of the ring only, so that a name is looked
// for among those that were said in the same creation: in the member table of the ring while that one
// lives, else in the log, which introduces a publisher once a recorder's run, before its first event.
// That may be long before the event shown, so the log is read for it, but no further back than a few
// segments: a name is not worth a walk through a terabyte.
#pragma once

#include <evbus/ids.hpp>
#include <evbus/ring/attachment.hpp>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace evtail {

class publisher_names {
public:
    /// `log_dir` may be empty, `ring` null. Nothing is read before it is asked for.
    publisher_names(std::string log_dir, evbus::bus_id id, std::shared_ptr<evbus::ring::attachment> ring);

    /// Empty when nobody knows. Valid until the next call.
    std::string_view name(evbus::publisher_id who, evbus::seq_t at);

private:
    using key = std::pair<evbus::seq_t, evbus::publisher_id>; ///< first seq of the creation, and who

    evbus::seq_t creation_of(evbus::seq_t at);
    void look_in_log(evbus::publisher_id who, evbus::seq_t creation, evbus::seq_t at);
    void scan_segment(evbus::seq_t segment, evbus::seq_t creation, evbus::seq_t at);

    std::string log_dir_;
    evbus::bus_id id_;
    std::shared_ptr<evbus::ring::attachment> ring_;
    std::map<key, std::string> known_;
    std::map<evbus::seq_t, evbus::seq_t> scanned_; ///< segment: up to which seq
    std::vector<evbus::seq_t> creations_;          ///< first seqs, ascending
    bool read_creations_ = false;
};

} // namespace evtail
