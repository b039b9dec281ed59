"""What reconstructions are compared with: means of classes, nearest training records, and guesses."""

import torch
from torch import Tensor

from amulet.core.data import Data, Schema
from amulet.core.records.synthetic import as_records
from amulet.data_reconstruction.outcome import ReconstructionOutcome


def compared(reconstructions: Tensor, members: Data) -> ReconstructionOutcome:
    """Reconstructions of all classes beside what they are compared with, for the classes that have members.

    In a mean, each one-hot group has its 1 at the most frequent value, since a mean of categories is no record.

    Args:
        reconstructions: (classes, *shape), within the bounds.
        members: the target's training records.
    """
    schema = members.schema
    means, overall, held = _means(members)
    guesses = torch.stack([*_trivial(schema, overall), as_records(overall[None], schema)[0]])
    made = reconstructions.detach().double()
    queries = torch.cat([made[:, None], guesses.expand(len(made), *guesses.shape)], 1)[held]
    nearest = _nearest(members, held, queries)
    return ReconstructionOutcome(
        labels=held,
        reconstructions=made[held].float(),
        means=as_records(means[held], schema).float(),
        nearest=nearest[:, 0],
        nearest_to_guesses=nearest[:, 1:],
        guesses=guesses.float(),
        data_range=torch.tensor(schema.high - schema.low, device=made.device),
    ).cpu()


def _trivial(schema: Schema, like: Tensor) -> tuple[Tensor, Tensor]:
    """Zeros, or what is nearest to them within the bounds, and mid-grey."""
    zeros = torch.zeros_like(like).clamp(schema.low, schema.high)
    return zeros, torch.full_like(like, (schema.low + schema.high) / 2)


def _means(members: Data) -> tuple[Tensor, Tensor, Tensor]:
    """(classes, *shape) means by class, (*shape) the mean of all, and the (k,) classes that have members."""
    sums = torch.zeros(len(members.schema.classes), *members.schema.shape, device=members.y.device, dtype=torch.float64)
    for batch in members.batches():
        sums.index_add_(0, batch.y, batch.x.double())
    counts = members.y.bincount(minlength=len(sums))
    each = counts.clamp_min(1).view(-1, *[1] * (sums.dim() - 1))
    return sums / each, sums.sum(0) / max(1, len(members)), counts.nonzero().flatten()


def _nearest(members: Data, held: Tensor, queries: Tensor) -> Tensor:
    """(k, q, *shape) the member of each class that is nearest to each of the class's (k, q, *shape) queries."""
    best = torch.full(queries.shape[:2], torch.inf, device=queries.device, dtype=queries.dtype)
    found = torch.zeros_like(queries, dtype=torch.float32)
    for batch in members.batches():
        for row, label in enumerate(held.tolist()):
            own = batch.x[batch.y == label]
            if len(own) == 0:
                continue
            distances = torch.cdist(queries[row].flatten(1), own.flatten(1).double())
            least, places = distances.min(1)
            closer = least < best[row]
            best[row] = torch.where(closer, least, best[row])
            found[row, closer] = own[places[closer]].float()
    return found
