#!/bin/sh
# A Slurm of one node on this machine, as root, and one experiment on it and without it: the same results, to the byte.
# Needs the packages slurm-wlm and munge of Debian or Ubuntu. Everything lies in a new folder; the daemons end with the script.
set -eu
file=${1:?"usage: sh benchmarks/slurm.sh EXPERIMENT.yaml"}
root=$(mktemp -d) && mkdir "$root/state" "$root/spool"
export SLURM_CONF="$root/slurm.conf"
cat >"$SLURM_CONF" <<CONF
ClusterName=one
SlurmctldHost=$(hostname)(127.0.0.1)
SlurmctldPort=16817
SlurmdPort=16818
SlurmUser=root
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
StateSaveLocation=$root/state
SlurmdSpoolDir=$root/spool
SlurmctldPidFile=$root/slurmctld.pid
SlurmdPidFile=$root/slurmd.pid
SlurmctldLogFile=$root/slurmctld.log
SlurmdLogFile=$root/slurmd.log
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=2
JobAcctGatherParams=OverMemoryKill
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
NodeName=$(hostname) NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=$(awk '/MemTotal/ {print int($2 / 1100)}' /proc/meminfo)
PartitionName=low Nodes=$(hostname) Default=YES PriorityTier=1
PartitionName=high Nodes=$(hostname) PriorityTier=10
CONF
if ! munge -n >"$root/munge" 2>&1; then
  mkdir -p /run/munge && chown munge:munge /run/munge
  setpriv --reuid=munge --regid=munge --clear-groups munged
fi
slurmctld && slurmd
trap 'kill "$(cat "$root/slurmd.pid")" "$(cat "$root/slurmctld.pid")"' EXIT
amulet assess "$file" --store "$root/slurm-store" --out "$root/slurm" --on slurm:partition=low,jobs=2
amulet assess "$file" --store "$root/local-store" --out "$root/local"
cmp "$root/slurm/results.json" "$root/local/results.json" && echo "The same results."
