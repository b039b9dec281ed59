"""Functions that the convolutional models share: the shape of images, and the initialisation of weights."""

from torch import nn

from amulet.core.data import Schema


def image_shape(schema: Schema, owner: str) -> tuple[int, int, int]:
    """(channels, height, width) of the data set's images.

    Raises:
        ValueError: the data are not images.
    """
    if len(schema.shape) != 3:
        raise ValueError(f"{owner} takes images (channels, height, width). Got records of shape {schema.shape}.")
    channels, height, width = schema.shape
    return channels, height, width


def he_initialised(model: nn.Module) -> nn.Module:
    """The model with normally distributed convolution weights, scaled for ReLUs, and zero biases.

    He et al. 2015, https://arxiv.org/abs/1502.01852, eq. (10). The scale keeps the variance of activations
    constant over layers. With torch's default it shrinks, so that sixteen layers without normalisation cannot be
    trained. Other layers keep torch's default.
    """
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_in", nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return model
