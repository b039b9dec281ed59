"""Metrics of reconstructions."""

from amulet.data_reconstruction.metrics.guessed_mse import GuessedMSE
from amulet.data_reconstruction.metrics.guessed_ssim import GuessedSSIM
from amulet.data_reconstruction.metrics.mse import mse
from amulet.data_reconstruction.metrics.nearest_mse import nearest_mse
from amulet.data_reconstruction.metrics.nearest_ssim import nearest_ssim
from amulet.data_reconstruction.metrics.ssim import ssim
from amulet.data_reconstruction.metrics.trivial_mse import trivial_mse
from amulet.data_reconstruction.metrics.trivial_ssim import trivial_ssim

__all__ = ["GuessedMSE", "GuessedSSIM", "mse", "nearest_mse", "nearest_ssim", "ssim", "trivial_mse", "trivial_ssim"]
