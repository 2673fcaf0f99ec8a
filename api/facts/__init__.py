"""Operations on sales, on what can be asked for, and on the quality of forecasts."""
