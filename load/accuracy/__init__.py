"""Accuracy of forecasts on any retailer's tables, beside what others would use."""
