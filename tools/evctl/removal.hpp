// The parts of a bus's removal that evctl doctor needs too. Both work on the ring that `at` is mapped
// to (read_write) and on no other that may have taken its name since.
#pragma once

#include "tools/evctl/commands.hpp"

#include <evbus/ring/attachment.hpp>

#include <string>

namespace evctl {

/// Retires the ring, notes its end in the log, takes its names away. Throws members_alive unless forced.
void remove_ring(const std::string& bus, const evbus::ring::attachment& at, const remove_options& how);

struct seq_of_end {
    evbus::seq_t closed = evbus::no_seq;
    bool noted = false; ///< in the log: the next ring goes on at `closed`
};

/// What is left to do on a ring that was closed: a remover died. Members that are still in it have been
/// told already.
seq_of_end finish_closed_ring(const std::string& bus, const evbus::ring::attachment& at);

} // namespace evctl
